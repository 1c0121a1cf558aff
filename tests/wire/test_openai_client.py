"""The `openai` package's own WebSocket client, unchanged."""


async def test_it_creates_and_reads_to_the_end(served, account):
    async with served.client(account).responses.connect() as connection:
        await connection.response.create(model="test-model", input="say 20 tokens")
        async for event in connection:
            if event.type == "response.completed":
                break
    assert event.response.output[0].content[0].text
