"""What a user may do: authorise, write, wake.

Each function checks that the login still holds and that what is named is the asker's, writes in one
statement, and wakes whoever must know. What is somebody else's looks as if it did not exist.
"""

from chat.services.asking import Asker, Repeated, check_login, must_be_new, remember
from chat.services.control import Accepted, request_cancel, request_steer
from chat.services.conversations import (
    create_conversation,
    delete_conversation,
    rename_conversation,
)
from chat.services.feedback import give_feedback, tell_typing
from chat.services.leaving import end_with_connection
from chat.services.models import available_models, choose_model
from chat.services.prompts import (
    Begun,
    Dequeued,
    Queued,
    Remembered,
    announce_queued,
    create_response,
    dequeue,
)

__all__ = [
    "Accepted",
    "Asker",
    "Begun",
    "Dequeued",
    "Queued",
    "Remembered",
    "Repeated",
    "announce_queued",
    "available_models",
    "check_login",
    "choose_model",
    "create_conversation",
    "create_response",
    "delete_conversation",
    "dequeue",
    "end_with_connection",
    "give_feedback",
    "must_be_new",
    "remember",
    "rename_conversation",
    "request_cancel",
    "request_steer",
    "tell_typing",
]
