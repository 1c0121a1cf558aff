"""What staff find in the admin, and under which name.

The log, the leases, the intents, the received events and the waiting prompts are not here: the
engine alone writes them.
"""

from django.contrib import admin

from chat.models import ApiKey, Conversation, Feedback, Response, User
from chat.review.conversations import ConversationAdmin
from chat.review.feedback import FeedbackAdmin
from chat.review.keys import ApiKeyAdmin
from chat.review.responses import ResponseAdmin
from chat.review.users import ReviewUserAdmin

admin.site.site_header = "Interject"
admin.site.site_title = "Interject"
admin.site.index_title = "Review"
# The header has the few links that there are: lists and transcripts need the room.
admin.site.enable_nav_sidebar = False
admin.site.register(Conversation, ConversationAdmin)
admin.site.register(Response, ResponseAdmin)
admin.site.register(Feedback, FeedbackAdmin)
admin.site.register(ApiKey, ApiKeyAdmin)
admin.site.register(User, ReviewUserAdmin)
