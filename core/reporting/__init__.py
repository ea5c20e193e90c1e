"""Reports that leave the screen: a day or a week as a mail, a page to print, a PDF."""
