//! The pages in a real browser.

mod admin;
mod client;
mod presence;
mod swagger;
pub mod webdriver;
