use presence_sidecar::laravel::crypt::{Cipher, Crypt, generate_key};
use presence_sidecar::php::{base64, serialize};

use crate::php::vectors::{bytes, file, text};

fn crypt(cipher: &str, key: &str, previous: &[&str]) -> Crypt {
    Crypt::new(cipher.parse().unwrap(), key, previous).unwrap()
}

/// The recorded keys: two of 32 bytes, and one of 16.
fn keys() -> [String; 3] {
    let recorded = &file("laravel-primitives.json")["crypt"];
    ["app_key", "other_key", "key16"].map(|name| text(&recorded[name]).to_owned())
}

fn key_for(cipher: &str) -> String {
    let [key, _, short] = keys();
    if cipher.to_lowercase().contains("128") { short } else { key }
}

#[test]
fn recorded_payloads_decrypt_and_new_ones_have_the_same_form() {
    let samples = file("laravel-primitives.json")["crypt"]["samples"].as_array().unwrap().clone();
    assert!(samples.len() > 50);
    for sample in samples {
        let cipher = text(&sample["cipher"]);
        let crypt = crypt(cipher, &key_for(cipher), &[]);
        let plain = bytes(&sample["plain"]);
        assert_eq!(crypt.decrypt(text(&sample["payload"])).unwrap().as_slice(), plain, "{cipher}");
        let (once, twice) = (crypt.encrypt(&plain), crypt.encrypt(&plain));
        assert_ne!(once, twice, "each has its own initialization vector");
        assert_eq!(crypt.decrypt(&once).unwrap().as_slice(), plain);
        assert_eq!(fields(&once), fields(text(&sample["payload"])), "the same fields in the same order");
        if sample["serialized"] == true {
            assert!(serialize::unserialize(&plain).is_ok());
        }
    }
}

fn fields(payload: &str) -> Vec<(String, usize)> {
    let json: serde_json::Value = serde_json::from_slice(&base64::decode_lenient(payload)).unwrap();
    json.as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value).len())).collect()
}

/// The cipher and the key of a recorded case.
fn tried_with(name: &str) -> (&'static str, String) {
    let [key, other, _] = keys();
    let gcm = (name.starts_with("gcm") && name != "gcm_payload_with_cbc") || name == "cbc_payload_with_gcm";
    let key = if name.ends_with("wrong_key") { other } else { key };
    (if gcm { "aes-256-gcm" } else { "aes-256-cbc" }, key)
}

#[test]
fn tampered_payloads_are_rejected_with_laravels_messages() {
    let mut compared = 0;
    for case in file("laravel-primitives.json")["crypt"]["errors"].as_array().unwrap() {
        let name = text(&case["name"]);
        let Some(payload) = case["payload"].as_str() else { continue };
        let (cipher, key) = tried_with(name);
        let decrypted = crypt(cipher, &key, &[]).decrypt(payload);
        match case["error"].as_str() {
            // Decrypting succeeds, and unserializing the result is a separate step.
            Some(error) if error.starts_with("ErrorException: unserialize") => assert!(decrypted.is_ok()),
            Some(error) => {
                let sentence = error.split_once(": ").unwrap().1;
                assert_eq!(decrypted.map_err(|error| error.to_string()), Err(sentence.to_owned()), "{name}");
            }
            None => assert_eq!(decrypted.unwrap().as_slice(), bytes(&case["result"]), "{name}"),
        }
        compared += 1;
    }
    assert!(compared > 25, "only {compared} cases");
}

/// Decrypts payloads with Laravel's own encrypter: the plaintexts, or the errors.
fn php(cipher: &str, key: &str, payloads: &[String]) -> Vec<Result<String, String>> {
    let script = r#"error_reporting(E_ALL & ~E_DEPRECATED);
        require '/usr/share/php/Illuminate/autoload.php';
        $crypt = new Illuminate\Encryption\Encrypter(base64_decode(substr($argv[2], 7)), $argv[1]);
        foreach (array_slice($argv, 3) as $payload) {
            try {
                $found[] = ['Ok' => $crypt->decryptString($payload)];
            } catch (Illuminate\Contracts\Encryption\DecryptException $error) {
                $found[] = ['Err' => $error->getMessage()];
            }
        }
        echo json_encode($found);"#;
    let output = crate::support::command("laravel").args(["-r", script, "--", cipher, key]).args(payloads).output();
    let output = output.expect("PHP starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `payload` with another value that is still authentic, and with another tag.
fn altered(payload: &str, key: &str) -> Vec<String> {
    use hmac::{Hmac, KeyInit, Mac};
    let json = |payload: &str| serde_json::from_slice::<serde_json::Value>(&base64::decode_lenient(payload)).unwrap();
    let written = |json: &serde_json::Value| base64::encode(json.to_string().as_bytes());
    let (mut all, fields) = (Vec::new(), json(payload));
    let value = text(&fields["value"]);
    for value in [format!("!!{value}"), format!("{value}\n%"), format!("===={value}"), "%%%".to_owned(), "é".to_owned()]
    {
        let mut changed = fields.clone();
        changed["value"] = value.as_str().into();
        all.push(written(&changed));
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&base64::decode_lenient(&key[7..])).unwrap();
        mac.update(format!("{}{value}", text(&fields["iv"])).as_bytes());
        changed["mac"] = hex::encode(mac.finalize().into_bytes()).into();
        all.push(written(&changed));
    }
    for tag in [serde_json::Value::Null, "".into(), "0".into(), "x".into()] {
        let mut changed = fields.clone();
        changed["tag"] = tag;
        all.push(written(&changed));
    }
    all
}

#[test]
fn improper_base64_is_accepted_or_rejected_as_by_php() {
    require!("laravel");
    let key = keys()[0].clone();
    for cipher in ["aes-256-cbc", "aes-256-gcm"] {
        let crypt = crypt(cipher, &key, &[]);
        let payloads = altered(&crypt.encrypt(b"secret"), &key);
        let found: Vec<_> = payloads
            .iter()
            .map(|payload| match crypt.decrypt(payload) {
                Ok(plain) => Ok(String::from_utf8(plain.to_vec()).unwrap()),
                Err(error) => Err(error.to_string()),
            })
            .collect();
        assert_eq!(found, php(cipher, &key, &payloads), "{cipher}");
    }
}

#[test]
fn previous_keys_only_decrypt() {
    for case in file("laravel-primitives.json")["crypt"]["rotation"].as_array().unwrap() {
        let [current, other, _] = keys();
        let rotated = crypt(text(&case["cipher"]), &current, &[&other]);
        let decrypted = rotated.decrypt(text(&case["payload"]));
        match case["decrypted"].as_str() {
            Some(plain) => assert_eq!(decrypted.unwrap().as_slice(), plain.as_bytes()),
            None => assert!(text(&case["error"]).ends_with(&decrypted.unwrap_err().to_string())),
        }
        let alone = crypt(text(&case["cipher"]), &current, &[]);
        assert_eq!(alone.decrypt(&rotated.encrypt(b"new")).unwrap().as_slice(), b"new");
    }
}

#[test]
fn key_length_is_checked_and_keys_are_not_printed() {
    let [key, _, short] = keys();
    assert!(Crypt::new(Cipher::Aes256Cbc, &short, &[]).is_err());
    assert!(Crypt::new(Cipher::Aes128Gcm, &key, &[]).is_err());
    assert!(Crypt::new(Cipher::Aes256Cbc, &key, &[&short]).is_err());
    assert!("aes-256-xts".parse::<Cipher>().is_err());
    let plain = "0123456789abcdef0123456789abcdef";
    assert_eq!(
        format!("{:?}", Crypt::new(Cipher::Aes256Gcm, plain, &[]).unwrap()),
        "Crypt { cipher: Aes256Gcm, keys: 1 }"
    );
}

#[test]
fn generated_key_is_accepted_by_laravel() {
    for (cipher, length) in [(Cipher::Aes256Cbc, 32), (Cipher::Aes128Gcm, 16)] {
        let key = generate_key(cipher);
        assert_eq!(base64::decode_strict(key.strip_prefix("base64:").unwrap()).unwrap().len(), length);
        assert!(Crypt::new(cipher, &key, &[]).is_ok());
        assert_ne!(*key, *generate_key(cipher));
    }
}

#[test]
fn base64_is_as_lenient_as_in_php() {
    let lenient = [
        ("aGVsbG8=", "hello"),
        ("aGV\nsbG8", "hello"),
        ("%%%", ""),
        ("a", ""),
        ("aGVsbG8==x", "hello"),
        ("-_aGVs", "hel"),
    ];
    for (encoded, plain) in lenient {
        assert!(base64::decode_lenient(encoded).starts_with(plain.as_bytes()), "{encoded}");
    }
    for (encoded, plain) in [
        ("aGVsbG8=", Some("hello")),
        ("aGVs bG8", Some("hello")),
        ("aGVsbG8==", None),
        ("a", None),
        ("aG-s", None),
        ("aGVs=bG8=", None),
    ] {
        assert_eq!(base64::decode_strict(encoded).as_deref(), plain.map(str::as_bytes), "{encoded}");
    }
}
