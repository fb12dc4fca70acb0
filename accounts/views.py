"""The pages of signing in and out. Lock-out after too many tries: accounts.lockout."""

from django.contrib.auth import views


class LoginView(views.LoginView):
    template_name = "accounts/login.html"
    redirect_authenticated_user = True
