"use strict";
// Plotly offers to upload a figure unless it is told not to; nothing here may leave the page.
const settings = { responsive: true, displaylogo: false, displayModeBar: "hover", showSendToCloud: false, plotlyServerURL: "" };
const draw = async () => {
  for (const place of document.querySelectorAll("[data-figure]")) {
    const name = place.dataset.figure;
    const figure = JSON.parse(document.getElementById(name).textContent);
    const isFlat = figure.data[0]?.type === "scatter";
    const buttons = isFlat ? [["toImage"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]] : [["toImage"]];
    await Plotly.newPlot(place, figure.data, figure.layout, {
      ...settings,
      modeBarButtons: buttons,
      toImageButtonOptions: { filename: name, scale: 2 },
    });
    // Between two figures the page shows what is there, and answers.
    await new Promise((next) => setTimeout(next));
  }
};
draw();
