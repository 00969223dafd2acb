"""What a file is, judged by its content and never by its name; and what its name becomes.

What a browser or a desktop would run is refused: markup, scripts, programs, macros.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

from gis_service.attachments.pictures import Picture, picture
from gis_service.errors import WrongType

_OFFICE = "application/vnd.openxmlformats-officedocument"
_MOST_UNPACKED = 200_000_000
_MOST_ENTRIES = 10_000
_LONGEST_NAME = 180  # bytes in UTF-8, so that every file system takes it with what people add


@dataclass(frozen=True)
class Kind:
    """A kind of file that is taken: `suffixes` are those that its name may bear, the first is given where it has none.

    `inline` kinds are shown by browsers, the others are saved.
    """

    media_type: str
    suffixes: tuple[str, ...]
    inline: bool = False


_PICTURES = {
    "JPEG": Kind("image/jpeg", (".jpg", ".jpeg", ".jfif"), inline=True),
    "PNG": Kind("image/png", (".png",), inline=True),
    "WEBP": Kind("image/webp", (".webp",), inline=True),
    "GIF": Kind("image/gif", (".gif",), inline=True),
    "TIFF": Kind("image/tiff", (".tif", ".tiff")),
}
_PDF = Kind("application/pdf", (".pdf",))
_DOCUMENTS = {
    "word/document.xml": Kind(f"{_OFFICE}.wordprocessingml.document", (".docx",)),
    "xl/workbook.xml": Kind(f"{_OFFICE}.spreadsheetml.sheet", (".xlsx",)),
}
_TEXTS = {".txt": "text/plain", ".csv": "text/csv"}
_INLINE = frozenset(kind.media_type for kind in _PICTURES.values() if kind.inline)
NOT_PICTURES = (_PICTURES["TIFF"], _PDF, *_DOCUMENTS.values(), *(Kind(kind, (s,)) for s, kind in _TEXTS.items()))
"""What a browser does not show; texts are in UTF-8 or GB 18030 (GBK is part of it), said in their media type."""
MEDIA_TYPES = tuple(dict.fromkeys(kind.media_type for kind in (*_PICTURES.values(), *NOT_PICTURES)))
"""Every type that is taken."""

# None of these is part of a picture or of a table; long enough not to be met by chance in 20 MB of noise.
_MARKUP = re.compile(rb"<script|<!doctype|<iframe|<html[\s>]|<\?php|<\?xml-stylesheet", re.IGNORECASE)
_MARKUP_IN_TEXT = re.compile(rb"<script|<!doctype|<iframe|<html|<svg|<\?php|<\?xml|javascript:", re.IGNORECASE)


@dataclass(frozen=True)
class Judged:
    """A file that may be kept: its kind, and where it is a picture what was decoded."""

    kind: Kind
    picture: Picture | None = None


def judge(file: BinaryIO, name: str) -> Judged:
    """Say what a file is.

    Raises
    ------
    WrongType
        Where it is empty, damaged, or of a kind that is not taken; with what is.
    """
    file.seek(0)
    head = file.read(8)
    if not head:
        raise WrongType("文件是空的。", "The file is empty.")
    if found := picture(file):
        _without_markup(file)
        return Judged(_PICTURES[found.format], found)
    if head.startswith(b"%PDF-"):
        return Judged(_whole_pdf(file))
    if head.startswith(b"PK\x03\x04"):
        return Judged(_document(file))
    return Judged(_text(file, name))


def cleaned(name: str, kind: Kind) -> str:
    """Return a name that every file system takes, without path, control characters or a suffix of another kind."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    # category C: control characters, and those that turn the direction of a text, so that exe.jpg reads as gpj.exe
    name = "".join("_" if c in '<>:"|?*' else c for c in name if unicodedata.category(c)[0] != "C")
    stem, dot, suffix = name.strip(" .").rpartition(".")
    if f".{suffix.lower()}" not in kind.suffixes:
        stem, dot, suffix = name.strip(" ."), ".", kind.suffixes[0][1:]
    room = _LONGEST_NAME - len(dot + suffix)
    stem = stem.encode()[:room].decode(errors="ignore").strip(" .")
    return f"{stem or '附件'}{dot}{suffix}"


def is_inline(media_type: str) -> bool:
    """Say whether browsers show files of this type."""
    return media_type in _INLINE


def _without_markup(file: BinaryIO) -> None:
    """Refuse a picture that is a page, too: it would be one wherever somebody saves it under another name."""
    file.seek(0)
    if _MARKUP.search(file.read()):
        raise _refused()


def _whole_pdf(file: BinaryIO) -> Kind:
    end = file.seek(0, 2)
    file.seek(max(0, end - 2048))
    if b"%%EOF" not in file.read():
        raise WrongType("PDF 不完整。", "The PDF is not complete.")
    return _PDF


def _document(file: BinaryIO) -> Kind:
    """Say which document an archive is, having unpacked all of it piece by piece, where that is bearable."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            names = {entry.filename for entry in entries}
            if len(entries) > _MOST_ENTRIES or sum(entry.file_size for entry in entries) > _MOST_UNPACKED:
                raise WrongType("压缩内容过大。", "Too much is packed in the file.")
            kind = next((kind for part, kind in _DOCUMENTS.items() if part in names), None)
            macros = any(name.lower().endswith(("vbaproject.bin", ".exe", ".dll", ".js", ".vbs")) for name in names)
            if kind is None or macros or "[Content_Types].xml" not in names or archive.testzip() is not None:
                raise _refused()
            return kind
    except WrongType:
        raise
    except Exception as error:  # what a hostile archive makes the reader raise is anybody's guess
        raise WrongType("文档已损坏，无法打开。", "The document is damaged and cannot be opened.") from error


def _text(file: BinaryIO, name: str) -> Kind:
    """Say in which encoding a text is; only here the name has a say, since a script is a text as well."""
    suffix = next((s for s in _TEXTS if name.lower().rstrip(" .").endswith(s)), None)
    file.seek(0)
    content = file.read()
    if suffix is None or content.startswith(b"#!") or _MARKUP_IN_TEXT.search(content):
        raise _refused()
    for encoding in ("utf-8", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", text):
            return Kind(f"{_TEXTS[suffix]}; charset={encoding}", (suffix,))
    raise _refused()


def _refused() -> WrongType:
    taken = "JPEG, PNG, WebP, GIF, TIFF, PDF, DOCX, XLSX, TXT, CSV"
    return WrongType(
        "文件内容不是可以保存的类型（按内容而非文件名判断；网页、脚本、程序、含宏的文档不收；文本须为 UTF-8 或 GBK）。",
        "The content is of no type that is taken. It is judged by content, not by name; pages, scripts, programs and "
        "documents with macros are not taken; texts must be UTF-8 or GBK.",
        allowed=taken.split(", "),
    )
