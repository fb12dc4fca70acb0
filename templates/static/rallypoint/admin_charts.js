// What unfold's script, which draws the charts once the page is loaded, leaves to Chart.js: things
// are counted here, and there is no half of one.
globalThis.Chart.defaults.scales.linear.ticks.precision = 0;
