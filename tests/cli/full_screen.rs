//! The full-screen views of `presence` and `operator` need a terminal, which these tests do not have.

use super::{program, text_of};
use crate::messaging::harness::{ADMIN, OPERATOR};
use crate::support::TOKEN;

#[test]
fn full_screen_view_without_a_terminal_names_the_commands_that_need_none() {
    let variables = [("PRESENCE_TOKEN", TOKEN), ("OPERATOR_TOKENS", OPERATOR), ("ADMIN_TOKEN", ADMIN)];
    for (command, instead) in [("presence", "presence roster"), ("operator", "operator clients")] {
        let output = program(&[command]).envs(variables).output().unwrap();
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(1), "{command}: {text}");
        assert!(text.contains("needs a terminal, and standard input is none"), "{command}: {text}");
        assert!(text.contains(&format!("use `presence-sidecar {instead}`")), "{command}: {text}");
        assert!(output.stdout.is_empty() && !text.contains('\u{1b}'), "{command}: {text:?}");
    }
}
