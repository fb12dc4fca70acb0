from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import views
from accounts.api import keys, sign_ins

app_name = "accounts"
urlpatterns = [
    path("login", views.LoginView.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("api/auth/token", sign_ins.TokenView.as_view(), name="token"),
    path("api/auth/refresh", sign_ins.RefreshView.as_view(), name="refresh"),
    path("api/auth/logout", sign_ins.LogoutView.as_view(), name="api-logout"),
    path("api/auth/verify", sign_ins.VerifyView.as_view(), name="verify"),
    path("api/auth/me", sign_ins.MeView.as_view(), name="me"),
    path("api/auth/keys", keys.KeysView.as_view(), name="keys"),
    path("api/auth/keys/<uuid:public_id>", keys.KeyView.as_view(), name="key"),
]
