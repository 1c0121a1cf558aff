"""The Chromium of the run, started anew when it gets stuck."""

import asyncio

from playwright.async_api import Browser, BrowserContext, Playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
CLOSING_SECONDS = 20.0


class Chromium:
    """`browser` is the one that runs; `start` first.

    Now and then, on a busy machine, Chromium never answers that a context was closed. All of the
    tests after it would hang: that browser is given up for another.
    """

    browser: Browser

    def __init__(self, playwright: Playwright, executable: str) -> None:
        self._playwright = playwright
        self._executable = executable

    async def start(self) -> None:
        self.browser = await self._playwright.chromium.launch(
            executable_path=self._executable, args=ARGUMENTS
        )

    async def close(self, context: BrowserContext) -> None:
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await context.close()
        except TimeoutError:
            # Not closed, which would hang too: it ends with its driver.
            print(f"Chromium did not close a context in {CLOSING_SECONDS} s: another is started")
            await self.start()

    async def stop(self) -> None:
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self.browser.close()
        except TimeoutError:
            print("Chromium did not stop; its driver ends it")
