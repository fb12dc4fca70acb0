"""Addresses of rooms. The socket's is in config.asgi."""

from django.urls import path

from realtime.api import members, messages, rooms

app_name = "realtime"
urlpatterns = [
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
    path("api/rooms/<slug:slug>/messages", messages.MessagesView.as_view(), name="api-messages"),
    path(
        "api/rooms/<slug:slug>/messages/<int:seq>",
        messages.MessageView.as_view(),
        name="api-message",
    ),
]
