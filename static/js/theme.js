// Runs before the first paint, so that a page is never shown in the wrong colours, nor with a sidebar
// that was closed.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    if (localStorage.getItem("sidebar") === "closed") document.documentElement.dataset.sidebar = "closed";
  } catch {
    // Storage may be forbidden: the system's choice stands.
  }
})();
