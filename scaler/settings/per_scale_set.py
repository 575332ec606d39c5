"""A value for all scale sets (`5`), or for each (`first=5,second=3`; a bare value is for the unnamed scale sets)."""

from collections.abc import Mapping, Sequence

from scaler.model.instance import ScaleSetName
from scaler.settings.reader import Reader


class PerScaleSet:
    """Reads such settings for the scale sets that AZURE_VMSS_NAME names."""

    def __init__(self, reader: Reader, names: Sequence[ScaleSetName]) -> None:
        self._reader = reader
        self._names = names

    def texts(self, setting: str) -> Mapping[ScaleSetName, str]:
        """The text for each scale set. A scale set without a text is a mistake, and so is an unknown name."""
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
        return {known: said.get(known, said.get("", "")) for known in self._names}

    def numbers(self, setting: str, *, low: int, high: int) -> Mapping[ScaleSetName, int]:
        """Whole numbers within these bounds."""
        before = len(self._reader.mistakes)
        texts = self.texts(setting)
        if len(self._reader.mistakes) > before:
            texts = {name: text for name, text in texts.items() if text}  # of the others enough is said
        found = {name: self._reader.whole(setting, low=low, high=high, value=text) for name, text in texts.items()}
        return {name: found.get(name, low) for name in self._names}

    def choices(self, setting: str, choices: Sequence[str]) -> Mapping[ScaleSetName, str]:
        """A word from a list, in any letter case, for each scale set."""
        words = {choice.lower(): choice for choice in choices}
        chosen: dict[ScaleSetName, str] = {}
        for name, text in self.texts(setting).items():
            if text.lower() not in words:
                self._reader.reject(setting, text, " or ".join(choices))
            chosen[name] = words.get(text.lower(), choices[0])
        return chosen


def _listed(names: Sequence[ScaleSetName]) -> str:
    listed = ", ".join(names)
    return listed[:200] + ("…" if len(listed) > 200 else "")
