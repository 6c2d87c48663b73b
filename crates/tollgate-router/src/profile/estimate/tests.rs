use super::*;

/// Checks that the estimate is within `tolerance` percent of the measured
/// characters per token of that kind of text in the o200k vocabulary.
fn check(text: &str, chars_per_token: (f64, f64), tolerance: f64) {
    let mut classes = Classes::default();
    classes.count(text);
    let ratio = text.chars().count() as f64 / likely_tokens(&classes) as f64;
    let low = chars_per_token.0 * (1.0 - tolerance / 100.0);
    let high = chars_per_token.1 * (1.0 + tolerance / 100.0);
    assert!(
        (low..high).contains(&ratio),
        "{ratio:.2} characters per token, {low:.2} to {high:.2} expected"
    );
}

#[test]
fn english() {
    check(
        "The harbour was quiet when the last of the fishing boats came in, and the old men on the wall \
         turned their collars up against the wind. Nobody spoke of the storm that had been promised since \
         the morning; they watched the water instead, as their fathers had, and waited for it to change.",
        (4.5, 4.9),
        8.0,
    );
}

#[test]
fn source_code() {
    check(
        "pub fn insert(&mut self, key: &str, value: Entry) -> Option<Entry> {\n    let position = self.position(key);\n    \
         match position {\n        Some(index) => Some(std::mem::replace(&mut self.entries[index], value)),\n        \
         None => {\n            self.entries.push(value);\n            None\n        }\n    }\n}\n",
        (4.3, 4.3),
        15.0,
    );
}

#[test]
fn json() {
    check(
        r#"{"id": 4711, "name": "copper kettle", "price": {"amount": "24.90", "currency": "EUR"}, "tags": ["kitchen", "metal"], "stock": 12, "dimensions": {"width": 18.5, "height": 22.0}}"#,
        (3.1, 3.1),
        15.0,
    );
}

#[test]
fn chinese() {
    check(
        "今天早上的天气很好，我们决定去公园散步，然后在湖边的小店里喝一杯热茶，聊聊最近发生的事情。",
        (1.27, 1.27),
        13.0,
    );
}

#[test]
fn japanese_and_korean() {
    check(
        "昨日は友達と一緒に新しいカフェに行って、コーヒーを飲みながらゆっくり話をしました。",
        (1.8, 1.8),
        19.0,
    );
    check(
        "어제 친구와 함께 새로 생긴 카페에 가서 커피를 마시며 오랫동안 이야기를 나누었습니다.",
        (2.2, 2.2),
        19.0,
    );
}

#[test]
fn russian_and_hindi() {
    check(
        "Вчера вечером мы долго гуляли по набережной и разговаривали о том, как изменился наш город.",
        (4.0, 4.0),
        19.0,
    );
    check(
        "कल शाम हम नदी के किनारे देर तक टहलते रहे और अपने शहर के बारे में बातें करते रहे।",
        (3.2, 3.2),
        19.0,
    );
}
