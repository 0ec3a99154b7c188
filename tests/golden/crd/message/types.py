"""The first operator's resource: what a person would have written by hand."""

from operators.message.operator import Message

subject = Message
