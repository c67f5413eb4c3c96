"""The experiments of arXiv 2410.09595 (Table 1, Fig. 5 to 7) at a given budget; Slicer never imports this package."""
