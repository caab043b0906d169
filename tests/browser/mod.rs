//! The pages in a real browser.

mod client;
mod presence;
mod swagger;
pub mod webdriver;
