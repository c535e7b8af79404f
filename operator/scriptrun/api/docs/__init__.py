"""The API in words: its OpenAPI document, and the page that shows it."""
