"""The pages of visitors and players."""

from django.urls import path

from quests import embeds
from quests.pages import (
    appeals,
    board,
    demo,
    home,
    leaderboard,
    players,
    quest,
    raffles,
    visits,
)

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
    path("completions/<uuid:public_id>/appeal", appeals.appeal, name="appeal-page"),
    path("raffles", raffles.raffles, name="raffles-page"),
    path("raffles/<slug:slug>", raffles.raffle, name="raffle-page"),
    path("raffles/<slug:slug>/draw.json", raffles.raffle_document, name="raffle-document"),
    path("login/demo", demo.sign_in, name="demo-login"),
    path("embed/leaderboard", embeds.leaderboard, name="embed-leaderboard"),
]
