"""Addresses of rooms: the API and the pages. The socket's is in config.asgi."""

from django.urls import path

from realtime import views
from realtime.api import documents, members, messages, presence, publishing, rooms

app_name = "realtime"
urlpatterns = [
    path("rooms", views.room_list, name="list"),
    path("rooms/token", views.token, name="token"),
    path("rooms/<slug:slug>", views.room_page, name="room"),
    path("rooms/<slug:slug>/leave", views.leave, name="leave"),
    path("api/rooms", rooms.RoomsView.as_view(), name="api-rooms"),
    path("api/rooms/mine", rooms.MyRoomsView.as_view(), name="api-mine"),
    path("api/rooms/direct", rooms.DirectView.as_view(), name="api-direct"),
    path("api/rooms/<slug:slug>", rooms.RoomView.as_view(), name="api-room"),
    path("api/rooms/<slug:slug>/members", members.MembersView.as_view(), name="api-members"),
    path(
        "api/rooms/<slug:slug>/members/<uuid:user_id>",
        members.MemberView.as_view(),
        name="api-member",
    ),
    path("api/rooms/<slug:slug>/presence", presence.RoomView.as_view(), name="api-presence"),
    path("api/rooms/<slug:slug>/messages", messages.MessagesView.as_view(), name="api-messages"),
    path(
        "api/rooms/<slug:slug>/messages/<int:seq>",
        messages.MessageView.as_view(),
        name="api-message",
    ),
    path("api/schema/realtime/", documents.asyncapi, name="asyncapi"),
    path("developers/realtime", documents.reference, name="reference"),
    path("api/realtime/connected", presence.ConnectedView.as_view(), name="api-connected"),
    path(
        "api/realtime/users/<uuid:user_id>/presence",
        presence.UserView.as_view(),
        name="api-user-presence",
    ),
    path(
        "api/realtime/users/<uuid:user_id>/send",
        publishing.UserView.as_view(),
        name="api-send-to-user",
    ),
    path(
        "api/realtime/users/<uuid:user_id>/disconnect",
        publishing.DisconnectView.as_view(),
        name="api-disconnect",
    ),
    path(
        "api/realtime/rooms/<slug:slug>/send",
        publishing.RoomView.as_view(),
        name="api-send-to-room",
    ),
    path("api/realtime/broadcast", publishing.BroadcastView.as_view(), name="api-broadcast"),
]
