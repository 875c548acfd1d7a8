"""Django's own admin: upload by a form, link to the file, replace, clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integrations.project import Project

MODELS = """
from django.contrib import admin

class Product(models.Model):
    image = models.ImageField(upload_to="products", blank=True)
    manual = models.FileField(upload_to="manuals", blank=True)

admin.site.register(Product)
"""


def test_files_are_uploaded_linked_replaced_and_cleared(project: Project) -> None:
    script = """
from html import unescape
from shop.models import Product

browser = staff()
files = {"image": upload(), "manual": SimpleUploadedFile("how to.txt", b"1st")}
added = browser.post("/admin/shop/product/add/", files)
assert added.status_code == 302, added.content
product = Product.objects.get()
assert keys() == {"products/photo.png", "manuals/how_to.txt"}

url = f"/admin/shop/product/{product.pk}/change/"
page = unescape(browser.get(url).content.decode())
link = page.partition('<a href="')[2].partition('"')[0]
links = [part.partition('"')[0] for part in page.split('href="')[1:]]
links = [link for link in links if settings.PRIVATE in link]
assert [get(link) for link in links] == [picture(), b"1st"], page

changed = browser.post(url, {"manual": SimpleUploadedFile("how to.txt", b"2nd")})
assert changed.status_code == 302, changed.content
product.refresh_from_db()
assert product.manual.name != "manuals/how_to.txt"
assert (product.manual.read(), product.image.name) == (b"2nd", "products/photo.png")

browser.post(url, {"image-clear": "on"})
product.refresh_from_db()
assert not product.image
assert browser.post(f"/admin/shop/product/{product.pk}/delete/", {"post": "yes"}).status_code == 302
"""
    project.run(script, models=MODELS)
