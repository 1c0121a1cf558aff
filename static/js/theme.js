// Runs before the first paint, so that a page is never shown in the wrong colours.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden: the system's choice stands.
  }
})();
