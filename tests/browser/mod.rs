//! The pages in a real browser.

mod client;
mod swagger;
mod webdriver;
