"""A reader of environment variables that collects all mistakes; values for all scale sets (`5`) or per scale set."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from scaler.clouds import LOOPBACK
from scaler.errors import in_one_line
from scaler.model.instance import ScaleSetName
from scaler.settings.table import PRESETS, SETTINGS, defaults, spelled

_LONGEST = 4096  # characters of a setting; what is longer is a mistake, whatever it says
_JSON = "SCALER_CALENDAR"  # a list, which people and `scaler calendar --ics` write in several lines
_WHOLE = r"[0-9]{1,9}"  # plain digits, and so few that nothing is cut or rounded: Python's int and float read far more
_NUMBER = re.compile(rf"{_WHOLE}(\.{_WHOLE})?")
_PERCENT = re.compile(rf"({_WHOLE}(?:\.{_WHOLE})?)%")
_DURATION = re.compile(rf"({_WHOLE}(?:\.{_WHOLE})?)\s*(ms|s|m|min|h)?")
_ADDRESS = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_SECRET = re.compile(r"(pass\w*|pwd|secret|\w*key|token|sig)(\s*[=:]\s*)[^,;&\s]+", re.IGNORECASE)
_OURS = "SCALER_"
_UNITS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


class InvalidSettings(ValueError):
    """Settings that cannot be used; `mistakes` has a line for each mistake."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("settings cannot be used:\n" + "\n".join(f"  {mistake}" for mistake in mistakes))
        self.mistakes = mistakes


class Reader:
    """Reads variable after variable and collects mistakes; returns a harmless value for each mistake."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._texts = {setting.name: environment.get(setting.name, "").strip() for setting in SETTINGS}
        if self._texts[_JSON].startswith("["):
            self._texts[_JSON] = " ".join(self._texts[_JSON].split())
        self.mistakes: list[str] = []
        for name, text in self._texts.items():
            if len(text) > _LONGEST or not text.isprintable():  # nor are the surrogates of bytes that are no UTF-8
                self._texts[name] = ""
                remedy = "; a longer list goes into a file" if name == _JSON else ""
                self.mistakes.append(f"{name}: expected one line of at most {_LONGEST} printable characters{remedy}")
        self._defaults = defaults(self._texts)
        self.mistakes += _unknown(environment, self._texts)
        self.choice("SCALER_PRESET", dict.fromkeys(("", *PRESETS)), "thrifty, balanced or instant")

    def accepts(self, *names: str) -> bool:
        """Whether these variables have no mistake so far."""
        return not any(mistake.startswith(f"{name}:") for mistake in self.mistakes for name in names)

    def text(self, name: str) -> str:
        """The text of a setting, else the default; without spaces around the text."""
        return self._texts[name] or self.default(name)

    def default(self, name: str) -> str:
        """The default of a setting, by the preset."""
        return self._defaults[name] or ""

    def is_set(self, name: str) -> bool:
        """Whether the environment has a text for the setting."""
        return bool(self._texts[name])

    def reject(self, name: str, value: str, expected: str) -> None:
        """One more mistake."""
        self.mistakes.append(f"{name}: {shown(value)} cannot be used; expected {expected}")

    def matching(self, name: str, pattern: re.Pattern[str], expected: str, *, optional: bool = False) -> str:
        """A text of this form."""
        value = self.text(name)
        if not value and not optional:
            self.mistakes.append(f"{name}: not set; expected {expected}")
        elif value and not pattern.fullmatch(value):
            self.reject(name, value, expected)
        return value

    def matching_each(self, name: str, pattern: re.Pattern[str], expected: str) -> tuple[str, ...]:
        """Texts of a form between commas, without duplicates (in any letter case), and not empty."""
        values = [part.strip() for part in self.text(name).split(",")]
        if values == [""]:
            self.mistakes.append(f"{name}: not set; expected {expected}")
            return ()
        for value in values:
            if not pattern.fullmatch(value):
                self.reject(name, value, expected)
        lowered = [value.lower() for value in values]
        for twice in sorted({value for value in lowered if lowered.count(value) > 1}):
            self.reject(name, twice, "each name once")
        return tuple(values)

    def url(self, name: str) -> str:
        """https, or plain http to this very machine."""
        value = self.text(name).rstrip("/")
        try:
            parts = urlsplit(value)
            sound = _ADDRESS.fullmatch(value) and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:  # a broken IPv6 address, a port that is none
            sound = False
        if not sound:
            self.reject(name, value, "https://host[:port]")
        elif parts.scheme == "http" and parts.hostname not in LOOPBACK:
            self.mistakes.append(f"{name}: {shown(value)} would send the token in the clear; expected https://…")
        return value

    def number(self, name: str, *, low: float, high: float) -> float:
        """Any number within these bounds."""
        value, expected = self.text(name), f"a number from {low:g} to {high:g}"
        return self._converted(name, value, _NUMBER, (low, high), expected)

    def percent(self, name: str, *, low: float, high: float) -> float:
        """A share within these bounds, written as `99%`; returned as 0.99."""
        value = self.text(name)
        share = share_of(value)
        if share is None or not low / 100 <= share <= high / 100:
            self.reject(name, value, f"a share from {low:g}% to {high:g}%")
            return low / 100
        return share

    def whole(self, name: str, *, low: int, high: int, value: str | None = None) -> int:
        """A whole number within these bounds. `value`: a part of the setting's text, or another default."""
        expected = f"a whole number from {low} to {high}"
        text = self.text(name) if value is None else value
        return int(self._converted(name, text, re.compile(_WHOLE), (low, high), expected))

    def _converted(
        self, name: str, value: str, form: re.Pattern[str], bounds: tuple[float, float], expected: str
    ) -> float:
        low, high = bounds
        if not form.fullmatch(value) or not low <= float(value) <= high:
            self.reject(name, value, expected)
            return low
        return float(value)

    def duration(self, name: str, *, longest: timedelta, shortest: timedelta = timedelta(0)) -> timedelta:
        """`90s`, `15m`, `1h`; a plain number is seconds."""
        value = self.text(name)
        duration = duration_of(value)
        if duration is None or not shortest <= duration <= longest:
            expected = f"a duration from {spelled(shortest)} to {spelled(longest)}, such as 90s, 15m, 1h"
            self.reject(name, value, expected)
            return shortest
        return duration

    def choice[Choice](
        self, name: str, choices: Mapping[str, Choice], expected: str, *, value: str | None = None
    ) -> Choice:
        """The meaning of a word, in any letter case; the first meaning for an unknown word. `value`: as in `whole`."""
        said = self.text(name).lower() if value is None else value
        if said.lower() not in choices:
            self.reject(name, said, expected)
        return choices.get(said.lower(), next(iter(choices.values())))


def duration_of(text: str) -> timedelta | None:
    """Read `90s`, `15m` or `1h`; a plain number is seconds. None for any other text."""
    match = _DURATION.fullmatch(text.strip().lower())
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]]) if match else None


def share_of(text: str) -> float | None:
    """Read `99%` as 0.99; None for another text."""
    match = _PERCENT.fullmatch(text)
    return float(match[1]) / 100 if match else None


def _unknown(environment: Mapping[str, str], known: Collection[str]) -> Iterator[str]:
    """Report unknown names: a mistyped name would be ignored, and only the scaler's variables have this prefix."""
    for name in environment:
        if name.startswith(_OURS) and name not in known:
            from difflib import get_close_matches  # noqa: PLC0415  (a cold start does without)

            near = get_close_matches(name, [ours for ours in known if ours.startswith(_OURS)], n=1)
            yield f"{in_one_line(name[:60])}: there is no such setting" + (f"; did you mean {near[0]}?" if near else "")


def shown(value: str) -> str:
    """A value for the log: short, printable, without a possible password."""
    cut = _SECRET.sub(r"\1\2…", re.sub(r"//.*@", "//…@", value))
    return repr(cut[:60] + ("…" if len(cut) > 60 else ""))


class PerScaleSet:
    """Reads such settings for the scale sets that AZURE_VMSS_NAME names."""

    def __init__(self, reader: Reader, names: Sequence[ScaleSetName]) -> None:
        self._reader = reader
        self._names = names

    def texts(self, setting: str) -> Mapping[ScaleSetName, str]:
        """The text for each scale set. A scale set without a text is a mistake, and so is an unknown name.

        After the mistake the default stands in, so that nothing else is said of a scale set without a text.
        """
        said: dict[str, str] = {}
        for part in self._reader.text(setting).split(","):
            left, equals, right = part.partition("=")
            name, value = (left.strip().lower(), right.strip()) if equals else ("", left.strip())
            if name in said:
                whom = f"for {name}" if name else "for all scale sets"
                self._reader.reject(setting, part, f"only one value {whom}")
            elif name and name not in self._names:
                self._reader.reject(
                    setting, part, f"the name of a scale set in AZURE_VMSS_NAME: {_listed(self._names)}"
                )
            said[name] = value
        silent = [known for known in self._names if known not in said and "" not in said]
        if silent:
            self._reader.mistakes.append(f"{setting}: says nothing of {_listed(silent)}; add {silent[0][:60]}=…")
        return {known: said.get(known, said.get("", self._reader.default(setting))) for known in self._names}

    def numbers(self, setting: str, *, low: int, high: int) -> Mapping[ScaleSetName, int]:
        """Whole numbers within these bounds."""
        before = len(self._reader.mistakes)
        texts = self.texts(setting)
        if len(self._reader.mistakes) > before:
            texts = {name: text for name, text in texts.items() if text}  # of the others enough is said
        found = {name: self._reader.whole(setting, low=low, high=high, value=text) for name, text in texts.items()}
        return {name: found.get(name, low) for name in self._names}

    def choices[Choice](
        self, setting: str, choices: Mapping[str, Choice], expected: str
    ) -> Mapping[ScaleSetName, Choice]:
        """The meaning of a word for each scale set."""
        texts = self.texts(setting)
        return {name: self._reader.choice(setting, choices, expected, value=text) for name, text in texts.items()}


def _listed(names: Sequence[ScaleSetName]) -> str:
    listed = ", ".join(names)
    return listed[:200] + ("…" if len(listed) > 200 else "")
