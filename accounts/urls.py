from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import views
from accounts.api import keys, sign_ins, wallets

app_name = "accounts"
urlpatterns = [
    path("login", views.LoginView.as_view(), name="login"),
    path("login/wallet", views.WalletLoginView.as_view(), name="wallet-login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("api/auth/nonce", wallets.NonceView.as_view(), name="nonce"),
    path("api/auth/login", wallets.LoginView.as_view(), name="api-login"),
    path("api/auth/token", sign_ins.TokenView.as_view(), name="token"),
    path("api/auth/refresh", sign_ins.RefreshView.as_view(), name="refresh"),
    path("api/auth/logout", sign_ins.LogoutView.as_view(), name="api-logout"),
    path(
        "api/auth/logout-everywhere",
        sign_ins.LogoutEverywhereView.as_view(),
        name="logout-everywhere",
    ),
    path("api/auth/verify", sign_ins.VerifyView.as_view(), name="verify"),
    path("api/auth/me", sign_ins.MeView.as_view(), name="me"),
    path("api/auth/keys", keys.KeysView.as_view(), name="keys"),
    path("api/auth/keys/<uuid:public_id>", keys.KeyView.as_view(), name="key"),
    path("api/auth/wallets", wallets.WalletsView.as_view(), name="wallets"),
    path("api/auth/wallets/<str:address>", wallets.WalletView.as_view(), name="wallet"),
    path(
        "api/auth/wallets/<str:address>/primary",
        wallets.PrimaryWalletView.as_view(),
        name="primary-wallet",
    ),
]
