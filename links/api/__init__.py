"""The REST API of links: parse, call one service or selector, render."""
