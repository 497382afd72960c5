//! The page on video is that of the counter.

use wuerst_train::video;

#[test]
fn video_page_is_counted() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/VIDEO.md");
    let page = video::page().unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), page, "UPDATE_GOLDEN=1 writes the page anew");
}
