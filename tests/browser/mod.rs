//! Pages as people use them, in a real browser.

mod client;
mod swagger;
mod webdriver;
