"""The pages of visitors and players: parse, call one service or selector, render.

They say everything, and do everything but sign with a wallet, without JavaScript; with it,
static/quests/live.js keeps them up to date.
"""
