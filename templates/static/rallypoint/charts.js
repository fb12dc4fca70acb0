// Draws the charts of a page from the data that lie beside their tables. Colours are those of the
// stylesheet, so a change to dark and back redraws; whoever wants less motion sees none.
(() => {
  "use strict";
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map();
  const number = new Intl.NumberFormat("en");
  const short = new Intl.NumberFormat("en", { notation: "compact" });

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const names = ["accent", "bots", "text", "muted", "line", "surface"];
    return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  // Codes of countries and languages in words; what is no code stays as it was sent.
  function named(data) {
    if (!data.names) return data.labels;
    const words = new Intl.DisplayNames(["en"], { type: data.names });
    return data.labels.map((label, place) => {
      if (!data.values[place]) return label;
      try {
        return words.of(label) ?? label;
      } catch {
        return label;
      }
    });
  }

  function tooltip(paint, callbacks) {
    return {
      backgroundColor: paint.text,
      titleColor: paint.surface,
      bodyColor: paint.surface,
      padding: 10,
      boxPadding: 4,
      callbacks,
    };
  }

  function axis(paint, more = {}) {
    const { ticks, ...rest } = more;
    return {
      stacked: true,
      border: { display: false },
      grid: { display: false },
      ticks: { color: paint.muted, ...ticks },
      ...rest,
    };
  }

  function time(data, paint) {
    const bars = (label, values, colour) => ({
      label, data: values, backgroundColor: colour, borderRadius: 2, maxBarThickness: 48,
    });
    return {
      type: "bar",
      data: {
        labels: data.labels,
        datasets: [bars("People", data.people, paint.accent), bars("Bots", data.bots, paint.bots)],
      },
      options: {
        interaction: { mode: "index", intersect: false },
        scales: {
          x: axis(paint, {
            ticks: {
              autoSkipPadding: 16,
              maxRotation: 0,
              callback: (_, place) => data.marks[place],
            },
          }),
          y: axis(paint, {
            beginAtZero: true,
            grid: { color: paint.line },
            ticks: { precision: 0, maxTicksLimit: 6, callback: (value) => short.format(value) },
          }),
        },
        plugins: {
          legend: { display: false },
          tooltip: tooltip(paint, {
            label: (item) => `${item.dataset.label}: ${number.format(item.raw)}`,
          }),
        },
      },
    };
  }

  const cut = (text) => (text.length > 16 ? `${text.slice(0, 15)}…` : text);

  // The numbers at the ends of the bars: nobody should have to hover to read them.
  const numbers = (paint) => ({
    id: "numbers",
    afterDatasetsDraw(chart) {
      const { ctx } = chart;
      ctx.save();
      ctx.font = `12px ${Chart.defaults.font.family}`;
      ctx.fillStyle = paint.muted;
      ctx.textBaseline = "middle";
      chart.getDatasetMeta(0).data.forEach((bar, place) => {
        ctx.fillText(number.format(chart.data.datasets[0].data[place]), bar.x + 6, bar.y);
      });
      ctx.restore();
    },
  });

  function bars(data, paint) {
    const labels = named(data);
    return {
      type: "bar",
      data: {
        labels,
        datasets: [
          {
            label: "People", data: data.people, backgroundColor: paint.accent, borderRadius: 3,
            maxBarThickness: 16,
          },
        ],
      },
      plugins: [numbers(paint)],
      options: {
        indexAxis: "y",
        layout: { padding: { right: 48 } },
        interaction: { mode: "index", axis: "y", intersect: false },
        scales: {
          x: axis(paint, { display: false, beginAtZero: true }),
          y: axis(paint, {
            ticks: { color: paint.text, autoSkip: false, callback: (_, place) => cut(labels[place]) },
            afterFit: (scale) => {
              scale.width = Math.min(140, scale.chart.width * 0.45);
            },
          }),
        },
        plugins: {
          legend: { display: false },
          tooltip: tooltip(paint, {
            label: (item) => `${number.format(item.raw)} people, ${data.percents[item.dataIndex]}`,
          }),
        },
      },
    };
  }

  const KINDS = { time, bars };

  function draw(figure) {
    const source = document.getElementById(figure.dataset.chart);
    const canvas = figure.querySelector("canvas");
    if (!source || !canvas) return;
    const data = JSON.parse(source.textContent);
    const config = KINDS[data.kind](data, colours());
    config.options = {
      responsive: true,
      maintainAspectRatio: false,
      animation: still.matches ? false : { duration: 250 },
      ...config.options,
    };
    drawn.get(figure)?.destroy();
    canvas.parentElement.hidden = false;
    drawn.set(figure, new Chart(canvas, config));
  }

  function drawAll() {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    for (const figure of document.querySelectorAll("[data-chart]")) draw(figure);
  }

  if (!window.Chart) return; // The tables tell the same.
  drawAll();
  dark.addEventListener("change", drawAll);
  still.addEventListener("change", drawAll);
})();
