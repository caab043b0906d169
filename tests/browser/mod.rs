//! Swagger UI as a person uses it, in a real browser.

mod swagger;
mod webdriver;
