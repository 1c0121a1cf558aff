"""Django's settings, made of what a deployment sets (`project.environment`)."""

import sys
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF

from project import environment, logs, origins, postgres_folder, secret_key

BASE_DIR = environment.BASE_DIR

try:
    _environment = environment.read()
    _service = _environment.service
    VAR_DIR = Path(BASE_DIR, _service.var_dir)
    SECRET_KEY = _service.secret_key or secret_key.load_or_make(VAR_DIR / "secret_key")
except environment.InvalidSetting as error:
    print(f"interject: {error}", file=sys.stderr)
    raise SystemExit(2) from None
except OSError as error:
    print(f"interject: cannot keep a SECRET_KEY ({error}): set it, or VAR_DIR", file=sys.stderr)
    raise SystemExit(2) from None

CHAT = _environment.chat
HOST, PORT = _service.host, _service.port
DEBUG = _service.debug
REDIS_URL = _service.redis_url
OPENAI_API_KEY = _service.openai_api_key
OPENAI_BASE_URL = _service.openai_base_url
OPENAI_API = _service.openai_api
# The members of `CHAT_PROVIDERS`, with their keys.
PROVIDERS = _environment.providers
ALLOWED_HOSTS = list(_service.allowed_hosts)
# Full origins for `project.origins.is_allowed`; none: the page's own host.
ALLOWED_ORIGINS = _service.allowed_origins

ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
INSTALLED_APPS = [
    "chat",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "csp",
    "channels",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
TIME_ZONE = "UTC"
USE_TZ = True

# What is kept, and what carries it

DATABASES = {
    "default": dj_database_url.parse(
        _service.database_url or postgres_folder.url(VAR_DIR), conn_max_age=0
    )
}
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,
    # A lock that nobody gives back, or a transaction that somebody forgot, ends by itself.
    "options": "-c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000",
    **DATABASES["default"].get("OPTIONS", {}),
}
# Publishing takes one connection of the pool and listening another. A Redis that has stopped
# answering holds a send for the timeout, so it is short; the log is the truth, Redis a hint.
_REDIS_LAYER = {
    "BACKEND": "chat.engine.layer.BoundedLayer",
    "CONFIG": {
        "prefix": "interject",
        "hosts": [
            {
                "address": _service.redis_url,
                "max_connections": 16,
                "socket_connect_timeout": 2,
                "socket_timeout": 2,
                "health_check_interval": 15,
            }
        ],
    },
}
_MEMORY_LAYER = {
    "BACKEND": "channels.layers.InMemoryChannelLayer",
    "CONFIG": {"capacity": 1_000},
}
CHANNEL_LAYERS = {"default": _REDIS_LAYER if _service.redis_url else _MEMORY_LAYER}

# Accounts: a name and a password. There is no mail server: an address is optional and unchecked,
# and mail goes nowhere.

AUTH_USER_MODEL = "chat.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "project.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ALLAUTH_TRUSTED_PROXY_COUNT = _service.trusted_proxies
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

# Cookies and headers

SESSION_COOKIE_NAME = "interject_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _service.secure
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = _service.secure
CSRF_TRUSTED_ORIGINS = list(ALLOWED_ORIGINS)
if _service.trusted_proxies:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        # A model's answer must not fetch anything: an image's address can carry a secret out.
        "img-src": [SELF, "data:"],
        "connect-src": [SELF, *origins.socket_sources(ALLOWED_ORIGINS)],
        "font-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

# Static files are served as they are written. Modules import each other by their own names, which
# hashed names would break; browsers ask each time instead and get a 304.

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 0
WHITENOISE_ALLOW_ALL_ORIGINS = False

# The log: one line an event, no bodies. What other packages say at INFO is theirs.

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "format": "{asctime}.{msecs:03.0f} {levelname:.1} {name}: {message}",
            "datefmt": "%H:%M:%S",
            "style": "{",
        }
    },
    "filters": {"brief": {"()": lambda: logs.without_traceback}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "chat": {"level": _service.log_level},
        "project": {"level": _service.log_level},
        # Replaces Django's own, which would write each line once more.
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
        "django.security": {"filters": ["brief"], "level": "WARNING", "propagate": True},
        # Says so each second while Redis is away.
        "channels_redis.pubsub": {"filters": ["brief"], "level": "WARNING", "propagate": True},
        "django.security.DisallowedHost": {"filters": ["brief"], "level": "WARNING"},
    },
}
