"""The part of `google.colab.output` that anywidget asks for when it finds itself in Colab."""

from types import SimpleNamespace

MANAGER = "https://colab.example/custom-widget-manager.js"

_widgets = SimpleNamespace(_installed_url=None)


def enable_custom_widget_manager():
    """From now on, widgets name the manager that Colab's page shall load for them."""
    _widgets._installed_url = MANAGER
