(async () => {
  const style = {
    background: "transparent",
    font: "system-ui, sans-serif",
    padding: 4,
    view: { stroke: "transparent" },
    axis: {
      labelColor: "var(--ink)", titleColor: "var(--ink)", gridColor: "var(--line)", domainColor: "var(--line)",
      tickColor: "var(--line)", labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, labelOverlap: true,
    },
    legend: { labelColor: "var(--ink)", labelFontSize: 12, symbolStrokeWidth: 2 },
  };
  const options = {
    ast: true, actions: false, renderer: "svg", defaultStyle: false, config: style,
    tooltip: { disableDefaultStyle: true },
  };
  const specs = JSON.parse(document.getElementById("specs").textContent);
  for (const [id, spec] of Object.entries(specs)) {
    const place = document.getElementById(id);
    if (place.dataset.least > 0) place.style.minWidth = `${place.dataset.least}px`;
    await vegaEmbed(place, spec, options);
    for (const drawn of place.querySelectorAll("svg")) drawn.setAttribute("aria-hidden", "true");
  }
  document.documentElement.dataset.drawn = "yes";
})();
