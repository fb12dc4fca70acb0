from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import api, views

app_name = "accounts"
urlpatterns = [
    path("login", views.LoginView.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("api/auth/token", api.TokenView.as_view(), name="token"),
    path("api/auth/refresh", api.RefreshView.as_view(), name="refresh"),
    path("api/auth/logout", api.LogoutView.as_view(), name="api-logout"),
    path("api/auth/verify", api.VerifyView.as_view(), name="verify"),
    path("api/auth/me", api.MeView.as_view(), name="me"),
    path("api/auth/keys", api.KeysView.as_view(), name="keys"),
    path("api/auth/keys/<uuid:public_id>", api.KeyView.as_view(), name="key"),
]
