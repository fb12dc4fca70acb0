"""Addresses of quests: the pages, and the API of players, of operators, and of everybody."""

from django.urls import path

from quests.api import (
    appeals,
    catalogue,
    dry_run,
    operators,
    profile,
    progress,
    public,
    raffles,
    webhooks,
)
from quests.api import visits as visits_api
from quests.pages import appeals as appeal_pages
from quests.pages import board, demo, home, leaderboard, players, quest, visits
from quests.pages import raffles as raffle_pages

app_name = "quests"
urlpatterns = [
    path("", home.home, name="home"),
    path("quests", board.board, name="board"),
    path("quests/<int:number>", quest.quest_page, name="quest-page"),
    path("quests/<int:number>/start", quest.start, name="start-quest"),
    path("quests/<int:number>/complete", quest.complete, name="complete-quest"),
    path("quests/<int:number>/steps/<slug:key>", quest.step, name="step"),
    path("quests/<int:number>/steps/<slug:key>/visit", visits.visit, name="visit"),
    path("quests/<int:number>/why", quest.why, name="why"),
    path("leaderboard", leaderboard.leaderboard, name="leaderboard-page"),
    path("players/<str:name>", players.profile, name="player"),
    path("me", players.me, name="me"),
    path("completions/<uuid:public_id>/appeal", appeal_pages.appeal, name="appeal-page"),
    path("raffles", raffle_pages.raffles, name="raffles-page"),
    path("raffles/<slug:slug>", raffle_pages.raffle, name="raffle-page"),
    path("raffles/<slug:slug>/draw.json", raffle_pages.raffle_document, name="raffle-document"),
    path("login/demo", demo.sign_in, name="demo-login"),
    path("api/quests", catalogue.QuestsView.as_view(), name="quests"),
    path("api/quests/<int:number>", catalogue.QuestView.as_view(), name="quest"),
    path("api/quests/<int:number>/content", catalogue.QuestContentView.as_view(), name="content"),
    path("api/seasons", catalogue.SeasonsView.as_view(), name="seasons"),
    path("api/seasons/<slug:slug>", catalogue.SeasonView.as_view(), name="season"),
    path("api/achievements", catalogue.AchievementsView.as_view(), name="achievements"),
    path("api/progress/start/<int:number>", progress.StartView.as_view(), name="start"),
    path("api/progress/update/<int:number>", progress.UpdateView.as_view(), name="update"),
    path("api/progress/complete/<int:number>", progress.CompleteView.as_view(), name="complete"),
    path("api/progress/verify/<int:number>", progress.VerifyView.as_view(), name="verify"),
    path("api/progress/visit/<int:number>", visits_api.VisitView.as_view(), name="visit"),
    path("api/progress/user", progress.MyProgressView.as_view(), name="my-progress"),
    path("api/users/profile", profile.ProfileView.as_view(), name="profile"),
    path("api/users/ledger", profile.LedgerView.as_view(), name="ledger"),
    path("api/evidence", operators.EvidenceView.as_view(), name="evidence"),
    path("api/reviews", operators.ReviewsView.as_view(), name="reviews"),
    path("api/reviews/<uuid:public_id>/image", operators.ReviewImageView.as_view(), name="image"),
    path("api/reviews/<uuid:public_id>/approve", operators.ApproveView.as_view(), name="approve"),
    path("api/reviews/<uuid:public_id>/reject", operators.RejectView.as_view(), name="reject"),
    path("api/ledger/<uuid:public_id>/reverse", operators.ReverseView.as_view(), name="reverse"),
    path("api/completions/<uuid:public_id>/hold", operators.HoldView.as_view(), name="hold"),
    path(
        "api/completions/<uuid:public_id>/release", operators.ReleaseView.as_view(), name="release"
    ),
    path(
        "api/completions/<uuid:public_id>/reverse",
        operators.NeverPayView.as_view(),
        name="never-pay",
    ),
    path(
        "api/public/users/interaction/<str:wallet>",
        public.InteractionView.as_view(),
        name="interaction",
    ),
    path(
        "api/public/users/profile/<str:wallet>", public.ProfileView.as_view(), name="public-profile"
    ),
    path("api/public/users/exists/<str:wallet>", public.ExistsView.as_view(), name="exists"),
    path("api/public/users/leaderboard", public.LeaderboardView.as_view(), name="leaderboard"),
    path("api/public/users/stats", public.StatsView.as_view(), name="stats"),
    path(
        "api/public/progress/user/<str:wallet>",
        public.UserProgressView.as_view(),
        name="public-progress",
    ),
    path(
        "api/public/progress/quest/<int:number>/status",
        public.QuestStatusView.as_view(),
        name="quest-status",
    ),
    path(
        "api/public/progress/recent-completions",
        public.RecentCompletionsView.as_view(),
        name="recent-completions",
    ),
    path("api/public/raffles", raffles.RafflesView.as_view(), name="raffles"),
    path("api/public/raffles/<slug:slug>", raffles.RaffleView.as_view(), name="raffle"),
    path(
        "api/public/raffles/<slug:slug>/entrants",
        raffles.EntrantsView.as_view(),
        name="raffle-entrants",
    ),
    path("api/completions/<uuid:public_id>/appeal", appeals.AppealView.as_view(), name="appeal"),
    path("api/appeals", appeals.MyAppealsView.as_view(), name="my-appeals"),
    path("api/appeals/waiting", appeals.WaitingAppealsView.as_view(), name="appeals"),
    path("api/appeals/<uuid:public_id>/grant", appeals.GrantView.as_view(), name="grant"),
    path("api/appeals/<uuid:public_id>/decline", appeals.DeclineView.as_view(), name="decline"),
    path("api/quests/<int:number>/dry-run", dry_run.DryRunView.as_view(), name="dry-run"),
    path("api/webhooks", webhooks.WebhooksView.as_view(), name="webhooks"),
    path("api/webhooks/<uuid:public_id>", webhooks.WebhookView.as_view(), name="webhook"),
    path(
        "api/webhooks/<uuid:public_id>/test",
        webhooks.WebhookTestView.as_view(),
        name="webhook-test",
    ),
    path(
        "api/webhooks/<uuid:public_id>/deliveries",
        webhooks.DeliveriesView.as_view(),
        name="deliveries",
    ),
    path(
        "api/webhooks/<uuid:public_id>/deliveries/<uuid:delivery_id>/resend",
        webhooks.ResendView.as_view(),
        name="resend",
    ),
]
