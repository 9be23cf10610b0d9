"use strict";
(() => {
  const cards = [...document.querySelectorAll(".card")];
  const tools = document.querySelector(".tools");
  if (tools) {
    tools.hidden = false;
    const find = document.getElementById("find");
    const onlyWrong = document.getElementById("only-wrong");
    const found = document.getElementById("found");
    const show = () => {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const card of cards) {
        const fits = words.every((word) => card.dataset.find.includes(word));
        card.hidden = !fits || (onlyWrong?.checked && card.dataset.wrong === undefined);
        if (!card.hidden) count += 1;
      }
      found.textContent = count === cards.length ? "" : count + " of " + cards.length;
    };
    find.addEventListener("input", show);
    onlyWrong?.addEventListener("change", show);
    const all = document.getElementById("open-all");
    all.addEventListener("click", () => {
      const opens = all.dataset.open === undefined;
      for (const details of document.querySelectorAll("details.bases")) details.open = opens;
      if (opens) all.dataset.open = ""; else delete all.dataset.open;
      all.textContent = opens ? "Hide all bases" : "Show all bases";
    });
  }
  // The pointer on a track reads out position and mask.
  for (const svg of document.querySelectorAll("svg.track")) {
    const pointer = svg.querySelector(".pointer");
    const readout = svg.parentElement.nextElementSibling;
    const number = (name) => Number(svg.dataset[name]);
    svg.addEventListener("pointermove", (event) => {
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      const column = Math.floor((place.x - number("left")) / number("column"));
      if (column < 0 || column >= number("columns")) return;
      pointer.setAttribute("transform", "translate(" + place.x + " 0)");
      pointer.style.visibility = "visible";
      const parts = ["base " + (number("start") + column * number("step"))];
      for (const mask of svg.querySelectorAll("[data-levels]")) {
        const level = parseInt(mask.dataset.levels[column], 16);
        parts.push("mask " + mask.dataset.mask + " ≈ " + (level / 15).toFixed(2));
      }
      readout.textContent = parts.join(" · ");
    });
    svg.addEventListener("pointerleave", () => {
      pointer.style.visibility = "hidden";
      readout.textContent = "";
    });
  }
})();
