"""Write the files of docs/integrations that are generated from the definitions: ``make integrations``."""

import sys
from pathlib import Path

from core.exporting.generated.files import generated

if __name__ == "__main__":
    for name, text in generated().items():
        (Path(sys.argv[1]) / name).write_text(text)
