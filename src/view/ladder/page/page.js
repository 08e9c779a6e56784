for (const ladder of document.querySelectorAll("section.ladder")) {
  const panel = ladder.querySelector(".detail");
  const names = [...ladder.querySelectorAll("thead th")].map((cell) => cell.textContent);
  const show = (event) => {
    const row = event.target.closest("[data-row]");
    if (!row) return;
    const list = document.createElement("dl");
    [...document.getElementById(row.dataset.row).cells].forEach((cell, index) => {
      if (!cell.textContent) return;
      const [name, value] = [document.createElement("dt"), document.createElement("dd")];
      name.textContent = names[index];
      value.textContent = cell.textContent;
      list.append(name, value);
    });
    ladder.querySelector(".row.shown")?.classList.remove("shown");
    row.classList.add("shown");
    panel.replaceChildren(list);
  };
  ladder.addEventListener("mouseover", show);
  ladder.addEventListener("focusin", show);
  ladder.addEventListener("keydown", (event) => {
    const row = event.target.closest("[data-row]");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!row || !step) return;
    const rows = [...ladder.querySelectorAll("[data-row]")];
    const next = rows[rows.indexOf(row) + step];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  });
}
