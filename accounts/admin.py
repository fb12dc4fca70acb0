from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import services
from accounts.models import ApiKey, TokenFamily, User, Wallet
from accounts.operating import LIST_PER_PAGE, ReadOnly, ReadOnlyAdmin
from accounts.scopes import Scope

admin.site.unregister(Group)
# TokenFamily shows sign-ins; deleting a row of these two would make a used token good again.
admin.site.unregister([BlacklistedToken, OutstandingToken])


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    pass


class WalletInline(ReadOnly, TabularInline):
    model = Wallet
    fields = ["address", "is_primary", "linked_at"]
    readonly_fields = fields
    hide_title = True


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "user", "is_primary", "linked_at"]
    list_display_links = ["__str__"]
    list_select_related = ["user"]
    list_filter = ["is_primary", "linked_at"]
    search_fields = ["address", "user__username"]
    ordering = ["-linked_at"]
    fields = ["user", "address", "is_primary", "linked_at"]
    readonly_fields = fields


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "is_staff", "is_active", "last_login", "date_joined"]
    list_filter = ["is_staff", "is_superuser", "is_active", "groups"]
    list_per_page = LIST_PER_PAGE
    search_fields = ["username", "email", "=public_id"]
    ordering = ["username"]
    readonly_fields = ["public_id", "last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password", "public_id"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        (
            "May do",
            {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]},
        ),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    inlines = [WalletInline]
    actions = ["sign_out_everywhere"]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Whoever may edit users must not be able to promote herself by that."""
        readonly = [str(name) for name in super().get_readonly_fields(request, obj)]
        if request.user.is_superuser:
            return readonly
        return [*readonly, "is_superuser", "is_staff", "groups", "user_permissions"]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nor to set the password of somebody who stands above her."""
        if obj and obj.is_superuser and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001
        """Whoever read her before does not overwrite this: see services.rename."""
        if change:
            obj.version = F("version") + 1
        super().save_model(request, obj, form, change)

    @admin.action(description="Sign out everywhere", permissions=["change"])
    def sign_out_everywhere(self, request: HttpRequest, users: QuerySet[User]) -> None:
        ended = sum(services.sign_out_everywhere(user=user) for user in users)
        self.message_user(request, f"{ended} sign-ins ended.", messages.SUCCESS)


class RevokedFilter(admin.SimpleListFilter):
    title = "revoked"
    parameter_name = "revoked"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("no", "No"), ("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() is None:
            return queryset
        return queryset.filter(revoked_at__isnull=self.value() == "no")


class RecordAdmin(ModelAdmin):
    """Rows that are made, looked at and revoked, never edited."""

    list_per_page = LIST_PER_PAGE
    list_select_related = ["user"]
    actions = ["revoke"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(f"accounts.change_{self.opts.model_name}"))


@admin.register(TokenFamily)
class TokenFamilyAdmin(RecordAdmin):
    list_display = [
        "user",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
        "revoked_reason",
    ]
    list_filter = [RevokedFilter, "revoked_reason", "created_at"]
    search_fields = ["user__username", "=uuid"]
    ordering = ["-created_at"]
    fields = ["uuid", "user", *list_display[1:]]
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, families: QuerySet[TokenFamily]) -> None:
        ended = services.revoke_families(families=families)
        self.message_user(request, f"{ended} sign-ins ended.", messages.SUCCESS)


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, f"{scope.value}: {scope.label}") for scope in Scope],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= timezone.now():
            raise forms.ValidationError("This is not in the future.")
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(RecordAdmin):
    form = ApiKeyForm
    list_display = ["name", "user", "prefix", "scopes", "last_used_at", "expires_at", "revoked_at"]
    list_filter = [RevokedFilter, "created_at", "expires_at"]
    search_fields = ["name", "prefix", "user__username"]
    ordering = ["-created_at"]
    autocomplete_fields = ["user"]

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:  # noqa: ARG002
        given = ["user", "name", "scopes", "expires_at"]
        return [*given, "prefix", "created_at", "last_used_at", "revoked_at"] if obj else given

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> ApiKey:  # noqa: FBT001
        """The service makes the key, here, because only here can its text be shown."""
        super().save_form(request, form, change)
        key, text = services.create_api_key(**form.cleaned_data)
        self.message_user(
            request, f"Keep it now, it can't be shown again: {text}", messages.WARNING
        )
        return key

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:  # noqa: FBT001
        """Already saved by `save_form`."""

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        for key in keys:
            services.revoke_api_key(key=key)
        self.message_user(request, f"{len(keys)} keys revoked.", messages.SUCCESS)
