//! The examples of the PHP package for Inertia with Vue and React: TypeScript accepts them, and they work in a page.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{App, put, sidecar};
use crate::browser::webdriver::Browser;
use crate::support::{command, fixture, test_tool};

const TSC: &str = "clients/node_modules/.bin/tsc";
const VUE: &str = "vue/node_modules/vue/dist/vue.esm-browser.prod.js";
const REACT: [&str; 2] = [
    "react/node_modules/react/umd/react.production.min.js",
    "react-dom/node_modules/react-dom/umd/react-dom.production.min.js",
];

const VUE_PAGE: &str = "
    import {createApp} from 'vue';
    import {Person} from './vue-example';
    createApp(Person, {id: 'bob', name: 'Bob'}).mount('main');
";

const REACT_PAGE: &str = "
    import {Person} from './react-example';
    ReactDOM.createRoot(document.querySelector('main')).render(React.createElement(Person, {id: 'bob', name: 'Bob'}));
";

/// What a bundler does: the modules of the page, by their names.
const BUNDLE: [(&str, &str); 6] = [
    ("'presence-sidecar-browser'", "'/presence.js'"),
    ("'./presence'", "'/connection.js'"),
    ("'./vue-example'", "'/vue-example.js'"),
    ("'./react-example'", "'/react-example.js'"),
    ("'vue'", "'/vue.js'"),
    ("import * as React from 'react';", "const React = globalThis.React;"),
];

/// Checks the examples with `tsc --strict`, and returns the folder with the JavaScript.
fn compile() -> TempDir {
    let folder = TempDir::new().unwrap();
    let root = std::fs::canonicalize(fixture("..")).unwrap();
    let tool = |path: &str| PathBuf::from(test_tool(path));
    let files = ["presence.ts", "vue.ts", "react.tsx"].map(|file| root.join("php-bridge/examples").join(file));
    let configuration = json!({
        "compilerOptions": {
            "strict": true, "exactOptionalPropertyTypes": false, "noUncheckedIndexedAccess": true,
            "noUnusedLocals": true, "noUnusedParameters": true, "noEmitOnError": true, "types": [],
            "target": "es2022", "module": "es2022", "moduleResolution": "bundler", "jsx": "react",
            "lib": ["es2022", "dom", "dom.iterable"], "outDir": folder.path().join("out"),
            "rootDir": root.join("php-bridge/examples"),
            "paths": {
                "presence-sidecar-browser": [root.join("src/presence/browser_client/presence.d.ts")],
                "vue": [tool("vue/node_modules/vue/dist/vue.d.ts")],
                "react": [tool("@types/react/node_modules/@types/react/index.d.ts")],
            },
        },
        "files": files,
    });
    let file = folder.path().join("tsconfig.json");
    std::fs::write(&file, configuration.to_string()).unwrap();
    let output = command(&test_tool(TSC)).arg("-p").arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    folder
}

fn bundled(code: &str) -> String {
    BUNDLE.iter().fold(code.to_owned(), |code, (name, address)| code.replace(name, address))
}

/// Opens a page with an example; it shows the status of `bob`.
async fn turns(code: &Path, libraries: &[(&'static str, &str)], example: (&str, &'static str), page: &str) {
    let compiled = |name: &str| bundled(&std::fs::read_to_string(code.join(name)).unwrap());
    let sidecar = sidecar(&[]).await;
    let app = App::start(&sidecar.url).await;
    let mut scripts = String::new();
    for (path, file) in libraries {
        app.serve(path, "text/javascript", std::fs::read_to_string(test_tool(file)).unwrap());
        if !path.contains("vue") {
            scripts += &format!("<script src={path}></script>");
        }
    }
    let (file, path) = example;
    app.serve(path, "text/javascript", compiled(file));
    let connection = compiled("presence.js").replace("'/presence/token'", "'/token?user=ada&watch=bob'");
    app.serve("/connection.js", "text/javascript", connection);
    app.serve("/page.js", "text/javascript", bundled(page));
    let html = format!(
        "<!doctype html><html lang=en><meta name=presence-url content={}><title>Example</title><main></main>{scripts}\
         <script type=module src=/page.js></script>",
        sidecar.url
    );
    app.serve("/example", "text/html", html);
    let browser = Browser::start().await;
    browser.open(&format!("{}/example", app.url)).await;
    shows(&browser, "Bob is offline").await;
    put(&sidecar.client, "bob", "heartbeat").await;
    shows(&browser, "Bob is online").await;
    put(&sidecar.client, "bob", "offline").await;
    shows(&browser, "Bob is offline").await;
    assert_eq!(browser.console().await, [] as [Value; 0]);
}

async fn shows(browser: &Browser, expected: &str) {
    let shown = tokio::time::timeout(Duration::from_secs(10), async {
        while browser.evaluate("return document.querySelector('main').innerText").await != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let in_time = shown.await.is_ok();
    assert!(in_time, "not {expected}: {:?}", browser.console().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_for_vue_and_react_are_typed_and_turn() {
    require!("chromedriver", &test_tool(TSC), &test_tool(VUE), &test_tool(REACT[0]), &test_tool(REACT[1]));
    let folder = compile();
    let code = folder.path().join("out");
    turns(&code, &[("/vue.js", VUE)], ("vue.js", "/vue-example.js"), VUE_PAGE).await;
    let react = [("/react.js", REACT[0]), ("/react-dom.js", REACT[1])];
    turns(&code, &react, ("react.js", "/react-example.js"), REACT_PAGE).await;
}
