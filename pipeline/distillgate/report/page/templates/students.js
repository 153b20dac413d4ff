for (const box of document.querySelectorAll(".threshold")) {
  const points = JSON.parse(box.dataset.points), cells = box.querySelectorAll("dd"), slider = box.querySelector("input");
  const show = () => points[Number(slider.value)].forEach((text, place) => { cells[place].textContent = text; });
  const said = () => slider.setAttribute("aria-valuetext", `${points[Number(slider.value)][0]} of the items`);
  slider.addEventListener("input", () => { show(); said(); });
  said();
}
