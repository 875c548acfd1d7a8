"""An app whose forms and admin upload directly; the tests of the widget install it."""
