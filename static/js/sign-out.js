/** The page that signs out: what was written and not sent does not stay for whoever comes next. */

import { forgetUnsent } from "./storage.js";

document.querySelector("main form")?.addEventListener("submit", forgetUnsent);
