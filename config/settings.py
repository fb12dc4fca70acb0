"""All settings, in one file. Every value comes from the environment; `.env.example` lists them.

The defaults are those of production: DEBUG off, no secret, no wildcard host. What is missing or
unsafe is said by the system checks of `monitoring.checks`, which every process runs at its start.
"""

import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from corsheaders.defaults import default_headers
from csp.constants import NONCE
from django.templatetags.static import static

from config import connections, env
from monitoring import logs, redis_sentinel

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.text("VAR_DIR") or BASE_DIR / "var")
VERSION = "0.1.0"
# What this process is: config/gunicorn.py says "web"; commands and Celery keep the default.
ROLE = env.choice("RALLYPOINT_ROLE", "command", {"web", "command"})

# --- The instance ---------------------------------------------------------------------------------
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY_FILE = VAR_DIR / "secret_key"
SECRET_KEY = env.secret("SECRET_KEY") or (
    SECRET_KEY_FILE.read_text().strip() if SECRET_KEY_FILE.is_file() else "insecure-default"
)
WEB_CONCURRENCY = env.integer("WEB_CONCURRENCY", os.cpu_count() or 1, at_least=1)
WEB_THREADS = env.integer("WEB_THREADS", 8, at_least=1)
# `make run` notes where it serves, for the commands beside it.
_address_file = VAR_DIR / "address"
_here = _address_file.read_text().strip() if _address_file.is_file() else "127.0.0.1:8000"
BIND = env.text("BIND") or _here
PUBLIC_URL = env.text("PUBLIC_URL", f"http://{_here}").rstrip("/")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
HTTPS = urlsplit(PUBLIC_URL).scheme == "https"

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SITE_ID = None

INSTALLED_APPS = [
    # First, so that its runserver is the one that `make dev` starts. Only development needs it, and
    # with Twisted it takes a seventh of the time of a start.
    *(["daphne"] if DEBUG else []),
    "unfold.apps.BasicAppConfig",  # before the admin, whose templates it replaces
    "unfold.contrib.filters",
    "config.admin.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "axes",
    "channels",
    "corsheaders",
    "csp",
    "django_celery_beat",
    "django_prometheus",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "monitoring",
    "accounts",
    "links",
    "realtime",
    "quests",
]

MIDDLEWARE = [
    "monitoring.correlation.CorrelationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "monitoring.wire.policy.PolicyMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "monitoring.wire.static_files.CompressedFilesMiddleware",
    "accounts.middleware.RateLimitMiddleware",
    "monitoring.wire.middleware.ProblemMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "monitoring.health.middleware.MemoryMiddleware",
    "monitoring.postgresql.writers.WriterMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
APPEND_SLASH = False

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
            ],
        },
    },
]

# --- PostgreSQL -----------------------------------------------------------------------------------
DATABASE_URL, REDIS_URL = connections.service_urls(VAR_DIR)
DATABASE_STATEMENT_TIMEOUT = env.integer("DATABASE_STATEMENT_TIMEOUT", 30_000)
SLOW_QUERY_THRESHOLD = env.integer("SLOW_QUERY_THRESHOLD", 1_000, at_least=1)  # ms
# DATABASE_URL leads to PgBouncer in transaction mode; docs/operations.md has its settings.
DATABASE_PGBOUNCER = env.flag("DATABASE_PGBOUNCER", default=False)
ENABLE_QUERY_LOGGING = env.flag("ENABLE_QUERY_LOGGING", default=DEBUG)
DATABASE_POOL_MAX = env.integer("DATABASE_POOL_MAX", 20, at_least=1)
_database = partial(
    connections.django_database,
    pgbouncer=DATABASE_PGBOUNCER,
    # Celery closes a pool around every task, and a command has one thread: no pool there.
    pool_max=DATABASE_POOL_MAX if ROLE == "web" else 0,
    options={
        "connect_timeout": 2,
        "application_name": "rallypoint",
        # Django turns prepared statements off; monitoring.postgresql.prepared asks for them.
        "prepare_threshold": 5,
        # A web request waits for nobody's lock for long: the transaction is tried again. And
        # maintenance locks the database for others: requests are stopped in front of Django.
        # What an operator says for one command is last: libpq reads it not beside ours.
        "options": f"-c statement_timeout={DATABASE_STATEMENT_TIMEOUT}"
        + (" -c lock_timeout=3000 -c default_transaction_read_only=off" * (ROLE == "web"))
        + f" {os.environ.get('PGOPTIONS', '')}".rstrip(),
    },
)
_replicas = {
    f"replica{number}": _database(url) | {"TEST": {"MIRROR": "default"}}
    for number, url in enumerate(env.urls("DATABASE_REPLICA_URLS"), start=1)
}
DATABASES = {"default": _database(DATABASE_URL), **_replicas}
# Reads that may be a little old ask for one of them (monitoring.postgresql.replicas).
DATABASE_REPLICAS = list(_replicas)
DATABASE_REPLICA_MAX_LAG = env.integer("DATABASE_REPLICA_MAX_LAG", 5, at_least=1)  # s
DATABASE_ROUTERS = ["monitoring.postgresql.replicas.Router"]

# --- Redis ----------------------------------------------------------------------------------------
# REDIS_URL is durable (streams, broker, channels); what is in CACHE_URL may be evicted at any time.
CACHE_URL = env.secret("CACHE_URL") or connections.sibling_redis(REDIS_URL)
# Clicks are copied there, and statistics read there (docs/scaling.md).
CLICKHOUSE_URL = connections.clickhouse_url()
CACHE_TTL = env.integer("CACHE_TTL", 300)
_cache_location, _cache_connections = connections.django_cache(CACHE_URL)
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": _cache_location,
        "TIMEOUT": CACHE_TTL,
        "KEY_PREFIX": "rallypoint",
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 0.25,
            "SOCKET_TIMEOUT": 0.25,
            # A cache that is gone is a miss, never an error.
            "IGNORE_EXCEPTIONS": True,
            # Never pickle: who can write to the cache must not be able to run code here.
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            # A crowd waits for a connection; that there is none would look like an outage.
            "CONNECTION_POOL_CLASS": "redis.BlockingConnectionPool",
            "CONNECTION_POOL_KWARGS": {
                "max_connections": 50,
                "timeout": 1,
                "retry": None,
                **_cache_connections,
            },
            "REDIS_CLIENT_CLASS": "monitoring.breakers.redis.GuardedRedis",
            "REDIS_CLIENT_KWARGS": {"breaker": "cache"},
        },
    },
    # Where django-ratelimit counts; while Redis is away, in the memory of each web process.
    "limits": {
        "BACKEND": "monitoring.limits.cache.CounterCache",
        "LOCATION": CACHE_URL,
        "OPTIONS": {"processes": WEB_CONCURRENCY},
    },
}
RATELIMIT_USE_CACHE = "limits"
# Said once by the breaker, and not with a traceback by every call.
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = False
# Without it there is no /ws/ and no stream of events; rooms go on over REST.
ENABLE_WEBSOCKET = env.flag("ENABLE_WEBSOCKET", default=True)
# What was said stays for so many days; 0: for ever.
MESSAGE_RETENTION_DAYS = env.integer("MESSAGE_RETENTION_DAYS", 0)
CHANNEL_URLS = connections.channel_urls()
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [
                connections.channel_host(
                    url,
                    max_connections=1000,
                    socket_connect_timeout=2,
                    socket_timeout=2,
                    socket_keepalive=True,
                )
                for url in CHANNEL_URLS or [REDIS_URL]
            ],
            "prefix": "rallypoint:channels",
        },
    }
}

# --- Celery ---------------------------------------------------------------------------------------
CELERY_BROKER_URL, _broker_options = redis_sentinel.broker(REDIS_URL)
CELERY_TASK_DEFAULT_QUEUE = "celery"
# A long tick (a drain, webhooks to slow receivers) must not hold up the short ones.
CELERY_WORKER_CONCURRENCY = env.integer("WORKER_CONCURRENCY", 4, at_least=1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000  # KiB
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# A refused or frozen broker must cost a caller tenths of a second, not 19 of them.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "rallypoint:celery:",
    "socket_timeout": 2,
    "socket_connect_timeout": 1,
    "max_retries": 1,
    "visibility_timeout": 600,
    **_broker_options,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "monitoring.heartbeat": {"task": "monitoring.tasks.heartbeat", "schedule": 5.0},
    "monitoring.forget_idempotency_keys": {
        "task": "monitoring.tasks.forget_idempotency_keys",
        "schedule": 3600.0,
    },
    "monitoring.look_at_certificate": {
        "task": "monitoring.tasks.look_at_certificate",
        "schedule": 3600.0,
    },
    # It looks whether one is due: BACKUP_INTERVAL_HOURS.
    "monitoring.back_up": {"task": "monitoring.tasks.back_up", "schedule": 900.0},
    "links.drain_clicks": {"task": "links.tasks.drain_clicks", "schedule": 1.0},
    "links.refresh_redirects": {"task": "links.tasks.refresh_redirects", "schedule": 60.0},
    "links.fetch_metadata": {"task": "links.tasks.fetch_metadata", "schedule": 10.0},
    "links.keep_partitions": {"task": "links.tasks.keep_partitions", "schedule": 3600.0},
    "links.reconcile": {"task": "links.tasks.reconcile", "schedule": 86_400.0},
    "links.copy_clicks": {"task": "links.tasks.copy_clicks", "schedule": 10.0},
    "links.copy_all_clicks": {"task": "links.tasks.copy_all_clicks", "schedule": 3600.0},
    "quests.sweep_evidence": {"task": "quests.tasks.sweep_evidence", "schedule": 10.0},
    "quests.fold_ranks": {"task": "quests.tasks.fold_ranks", "schedule": 1.0},
    "quests.recompute_achievements": {
        "task": "quests.tasks.recompute_achievements",
        "schedule": 3600.0,
    },
    "quests.close_raffles": {"task": "quests.tasks.close_raffles", "schedule": 10.0},
    "quests.close_seasons": {"task": "quests.tasks.close_ended_seasons", "schedule": 60.0},
    "quests.reconcile": {"task": "quests.tasks.reconcile", "schedule": 86_400.0},
    "quests.relay_outbox": {"task": "quests.tasks.relay_outbox", "schedule": 1.0},
    "quests.send_webhooks": {"task": "quests.tasks.send_webhooks", "schedule": 1.0},
    "quests.forget_delivered": {"task": "quests.tasks.forget_delivered", "schedule": 3600.0},
    "realtime.forget_messages": {"task": "realtime.tasks.forget_messages", "schedule": 3600.0},
    "realtime.forget_stays": {"task": "realtime.tasks.forget_stays", "schedule": 3600.0},
    "realtime.reconcile": {"task": "realtime.tasks.reconcile", "schedule": 86_400.0},
    "accounts.forget_tokens": {"task": "accounts.tasks.forget_expired", "schedule": 3600.0},
}
# Queued ticks of a periodic task are worthless after a while; they must not pile up. Celery's own
# name for it, `expires`, is not read by django-celery-beat.
for _entry in CELERY_BEAT_SCHEDULE.values():
    _entry["options"] = {"expire_seconds": max(int(float(str(_entry["schedule"]))), 10)}

# --- Accounts -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
PASSWORD_HASHERS = ["accounts.hashers.ModestArgon2Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# The lock ends when the answer said it would: tries in the meantime do not prolong it.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# Its log of sign-ins would make a session for every API sign-in; TokenFamily has those.
AXES_DISABLE_ACCESS_LOG = True
AXES_USERNAME_CALLABLE = "accounts.lockout.name_of"
AXES_CLIENT_IP_CALLABLE = "accounts.lockout.address_of"
AXES_LOCKOUT_CALLABLE = "accounts.lockout.answer"
AXES_VERBOSE = False
# Sign-In with Ethereum. The first chain is the one that a new message is asked to name.
WALLET_CHAIN_IDS = env.integers("WALLET_CHAIN_IDS", "1")
# Where to ask a contract whether it takes a signature for its own (EIP-1271), by chain id; without
# one, only wallets that are keys can sign in.
ETHEREUM_RPC_URLS = env.endpoints("ETHEREUM_RPC_URLS")
SIGN_IN_STATEMENT = "Sign in to Rallypoint."
# With the prefix, browsers take it from this very host over TLS only: nobody can plant one.
NONCE_COOKIE_NAME = "__Host-rallypoint_nonce" if HTTPS else "rallypoint_nonce"
# Who counts what people have achieved; without quests, accounts.figures.zeros.
ACCOUNTS_FIGURES = "quests.selectors.figures_of"
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
    "USER_ID_FIELD": "public_id",
    "USER_ID_CLAIM": "sub",
    "ISSUER": PUBLIC_URL,
}

# --- Links ----------------------------------------------------------------------------------------
LINK_DOMAINS = env.items("LINK_DOMAINS")
COUNTRY_HEADER = env.text("COUNTRY_HEADER")
GEOIP_DATABASE = env.text("GEOIP_DATABASE")
CLICK_RETENTION_DAYS = env.integer("CLICK_RETENTION_DAYS", 90, at_least=2)
SPOOL_DIR = VAR_DIR / "spool"
# A click is safe when so many replicas of REDIS_URL have it, or else on disk (docs/scaling.md).
REDIS_WAIT_REPLICAS = env.integer("REDIS_WAIT_REPLICAS", 0)
# Clicks are shared out among so many streams, which are drained side by side.
CLICK_STREAMS = env.integer("CLICK_STREAMS", 1, at_least=1)
SPOOL_MAX_MB = env.integer("SPOOL_MAX_MB", 1024, at_least=1)

# --- Quests ---------------------------------------------------------------------------------------
# The kinds of requirements that a quest can have; a new one is a file and a line here.
REQUIREMENT_KINDS = [
    "quests.requirements.quiz.Quiz",
    "quests.requirements.secret_code.SecretCode",
    "quests.requirements.proof.ReviewedProof",
    "quests.requirements.trusted.TrustedEvidence",
    "quests.requirements.referral.Referral",
    "quests.requirements.streak.Streak",
    "quests.requirements.wallet_signature.WalletSignature",
    "quests.requirements.visit_link.VisitLink",
    "quests.requirements.room_presence.RoomPresence",
    "quests.requirements.room_message.RoomMessage",
]

# Visitors may be a player of the demo, as long as it is loaded.
DEMO_SIGN_IN = env.flag(
    "DEMO_SIGN_IN",
    default=DEBUG or urlsplit(PUBLIC_URL).hostname in {"localhost", "127.0.0.1", "::1"},
)

# --- The wire -------------------------------------------------------------------------------------
RATE_LIMIT_WINDOW = env.integer("RATE_LIMIT_WINDOW", 900_000, at_least=1000)  # ms
RATE_LIMIT_MAX = env.integer("RATE_LIMIT_MAX", 5_000, at_least=1)
# How often, by tier. Many players behind one network are normal: a campus, a carrier.
RATE_LIMITS = env.rates(
    "RATE_LIMITS",
    {
        # Every request to the API, by API key, person or network; and every page that writes.
        "general": f"{RATE_LIMIT_MAX}/{-(-RATE_LIMIT_WINDOW // 1000)}s",
        "burst": "10/s",  # what may change something
        "auth": "50/15m",
        "auth-failed": "5/15m",
        "strict": "20/15m",  # keys, wallets, webhooks, signing out everywhere
        "profile": "20/5m",
        "shorten": "100/5m",
        "redirect": "1000/m",
        "nonce": "30/m",
        "quests-player": "60/m",
        "quests-network": "1200/m",
        "messages": "120/m",
        "publishing": "6000/m",
        "rooms": "60/m",
    },
)
RATE_LIMIT_EXEMPT = env.items("RATE_LIMIT_EXEMPT")  # networks that nothing is counted for
TRUSTED_PROXIES = env.items("TRUSTED_PROXIES")
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.throttling.CallerThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["monitoring.wire.renderers.WireJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["monitoring.wire.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "monitoring.wire.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "monitoring.wire.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "monitoring.wire.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # ?format= belongs to whoever declares it, not to DRF
    "DATETIME_FORMAT": None,  # the renderer writes UTC, milliseconds and a Z
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rallypoint",
    "DESCRIPTION": "The backend of a community: quests, short links and live rooms.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "RedirectStatus": "links.models.link.RedirectStatus",
        "RoomKind": "realtime.models.room.Room.Kind",
        "OpenRoomKind": "realtime.api.serializers.OPEN_KINDS",
        "RoomRole": "realtime.models.room.Member.Role",
        "PresenceStatus": "realtime.api.serializers.STATUSES",
        "QuestStatus": "quests.models.quest.Quest.Status",
        "EventKind": "quests.models.outbox.OutboxEvent.Kind",
        "DeliveryState": "quests.models.outbox.Delivery.State",
    },
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}
CORS_ALLOWED_ORIGINS = env.items("CLIENT_URL")
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [
    *default_headers,
    *("x-correlation-id", "idempotency-key", "x-api-key", "if-match"),
]
CORS_EXPOSE_HEADERS = [
    *("X-Correlation-Id", "Retry-After", "RateLimit", "RateLimit-Policy"),
    *("Idempotent-Replayed", "Location", "ETag", "Age", "X-Cache"),
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# --- Browser security -----------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        # A page that must carry a script of its own names `request.csp_nonce` in it.
        "script-src": ["'self'", NONCE],
        "style-src": ["'self'", NONCE],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    },
}
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_SSL_REDIRECT = False  # the proxy in front does it; the redirect road never reaches Django
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # that it is False: see the line above, and W003 of ours
# The default signs a cookie's store for every request, also of those that never see a message.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "rallypoint_session"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_NAME = "rallypoint_csrf"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "monitoring.wire.pages.csrf_failure"
X_FRAME_OPTIONS = "DENY"
# Who may show what is under /embed/ in a frame: sources of the policy's frame-ancestors.
EMBED_ANCESTORS = env.items("EMBED_ANCESTORS", "*")

# --- Files, language, time ------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT") or VAR_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "monitoring.wire.static_files.CollectedFilesStorage"},
}
STATIC_CACHE_TTL = env.integer("STATIC_CACHE_TTL", 3600)
WHITENOISE_USE_FINDERS = True  # without collectstatic too: two commands must be enough
WHITENOISE_MAX_AGE = 0 if DEBUG else STATIC_CACHE_TTL
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
FORMAT_MODULE_PATH = ["config.formats"]

# --- What is watched ------------------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", {"DEBUG", "INFO", "WARNING", "ERROR"})
LOG_FORMAT = env.choice("LOG_FORMAT", "console" if DEBUG else "json", {"console", "json"})
LOGGING_CONFIG = None
logs.configure(level=LOG_LEVEL, style=LOG_FORMAT)
PROMETHEUS_EXPORT_MIGRATIONS = False
METRICS_TOKEN = env.secret("METRICS_TOKEN")
# Empty: off, and nothing of it is imported.
SENTRY_DSN = env.secret("SENTRY_DSN")
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
HEALTH_CHECKS = {
    "database": "monitoring.health.services.check_database",
    "cache": "monitoring.health.services.check_cache",
    "redis": "monitoring.health.services.check_redis",
    "workers": "monitoring.health.background.check_workers",
    "clickStream": "links.health.check_click_stream",
    "spool": "links.health.check_spool",
    "outbox": "quests.health.check_outbox",
    "evidence": "quests.health.check_evidence",
    "rooms": "realtime.health.check_rooms",
    "migrations": "monitoring.health.machine.check_migrations",
    "disk": "monitoring.health.machine.check_disk",
    "memory": "monitoring.health.machine.check_memory",
    "clock": "monitoring.health.machine.check_clock",
    "beat": "monitoring.health.background.check_beat",
    "tasks": "monitoring.health.background.check_tasks",
    "channelLayer": "monitoring.health.background.check_channel_layer",
    "backups": "monitoring.backups.health.check_backups",
    # Only where there are any: elsewhere it would say nothing.
    **({"replicas": "monitoring.health.replicas.check_replicas"} if DATABASE_REPLICAS else {}),
    **({"clickhouse": "links.health.check_clickhouse"} if CLICKHOUSE_URL else {}),
}

# What people see at /status, and which of the checks above each is made of.
STATUS_COMPONENTS = {
    "Website and API": ["database", "cache", "migrations", "disk"],
    "Short links": ["redis", "clickStream", "spool"],
    "Quests": ["database", "outbox", "evidence"],
    "Live rooms": ["database", "rooms", "channelLayer"],
    "Background work": ["workers", "beat", "tasks"],
}

# --- Backups (docs/recovery.md) -------------------------------------------------------------------
# Directly to PostgreSQL, also where DATABASE_URL leads to PgBouncer.
BACKUP_DATABASE_URL = env.secret("BACKUP_DATABASE_URL") or DATABASE_URL
BACKUP_DIR = Path(env.text("BACKUP_DIR") or VAR_DIR / "backups")
# 0: none by themselves, as of the private database of `make run`.
_backup_hours = 24 if env.secret("DATABASE_URL") else 0
BACKUP_INTERVAL_HOURS = env.integer("BACKUP_INTERVAL_HOURS", _backup_hours)
BACKUP_KEEP_DAILY = env.integer("BACKUP_KEEP_DAILY", 7)
BACKUP_KEEP_WEEKLY = env.integer("BACKUP_KEEP_WEEKLY", 4)
BACKUP_KEEP_MONTHLY = env.integer("BACKUP_KEEP_MONTHLY", 6)
BACKUP_AGE_RECIPIENTS = env.items("BACKUP_AGE_RECIPIENTS")
BACKUP_S3_URL = env.text("BACKUP_S3_URL")
BACKUP_S3_ENDPOINT = env.text("BACKUP_S3_ENDPOINT")
# What the apps have compared besides their tables' rows, and proved in a drill (E1 to E5).
BACKUP_FIGURES = ["links.recovery.FIGURES"]
BACKUP_PROOFS = {
    "clicks": "links.clicks.reconciliation.reconcile_copy",
    "quests": "quests.reconciliation.reconcile",
    "rooms": "realtime.reconciliation.reconcile",
}
# Called after a restore: for any database what no dump carries, and then, for our own, for what is
# kept of it in Redis.
RESTORED_DATABASE = ["quests.recovery.close_ledger"]
RESTORED_INSTANCE = ["monitoring.backups.derived.forget_kept", "links.recovery.catch_up"]

# --- unfold (the admin's face) --------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "Rallypoint",
    "SITE_HEADER": "Rallypoint",
    "SITE_ICON": lambda _: static("rallypoint/icon.svg"),
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _: static("rallypoint/icon.svg"),
        }
    ],
    "STYLES": [lambda _: static("rallypoint/admin.css")],
    "SCRIPTS": [lambda _: static("rallypoint/admin.js")],
    "SHOW_VIEW_ON_SITE": False,
    # The accent of templates/static/rallypoint/app.css is 600, where unfold puts white on it.
    "COLORS": {
        "primary": {
            "50": "#f0fbf9",
            "100": "#dff2ee",
            "200": "#b5e3da",
            "300": "#7fd1c4",
            "400": "#3fb8a8",
            "500": "#14a394",
            "600": "#0f766e",
            "700": "#0b5f58",
            "800": "#115048",
            "900": "#134e4a",
            "950": "#042f2e",
        },
    },
    "SIDEBAR": {"navigation": "config.admin.sidebar"},
    "DASHBOARD_CALLBACK": "config.overview.overview",
}
