"""Channels' Redis pub/sub layer, but for two things that it leaves to chance.

Its queues are bounded: the layer's own queue of a channel grows without an end while its reader is
busy. And a subscription that failed is tried again: a channel whose first one did, because Redis
was not there yet, counts as subscribed for ever.
"""

import asyncio

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer
from channels_redis.utils import _wrap_close

MAX_QUEUED_BYTES = 16 * 1024 * 1024


class BoundedQueue(asyncio.Queue[bytes]):
    """Drops the oldest messages when those that wait take too much. At least one is kept."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._bytes = 0

    def _put(self, item: bytes) -> None:
        super()._put(item)
        self._bytes += len(item)
        while self._bytes > MAX_QUEUED_BYTES and self.qsize() > 1:
            self._get()

    def _get(self) -> bytes:
        item: bytes = super()._get()
        self._bytes -= len(item)
        return item


class _LoopLayer(RedisPubSubLoopLayer):
    async def _subscribe_to_channel(self, channel: str) -> None:
        self.channels[channel] = BoundedQueue()
        try:
            await self._get_shard(channel).subscribe(channel)
        except BaseException:
            self.channels.pop(channel, None)
            raise


class BoundedLayer(RedisPubSubChannelLayer):
    """The channel layer of `REDIS_URL`."""

    def _get_layer(self) -> _LoopLayer:
        loop = asyncio.get_running_loop()
        layer: _LoopLayer | None = self._layers.get(loop)
        if layer is None:
            layer = _LoopLayer(*self._args, **self._kwargs, channel_layer=self)
            self._layers[loop] = layer
            _wrap_close(self, loop)
        return layer
