"""The engine: stores, computes, serves. It names no concrete layer and no concrete map."""
