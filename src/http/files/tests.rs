//! What there is a bound for, with bounds that are soon reached.

use std::{env, fs, process};

use axum::body::to_bytes;
use http_body_util::BodyExt;

use super::stock::{CHUNK, PLENTY};
use super::*;

/// A directory with a large file, a small one and two listings. It goes away with the test.
struct Place {
    path: std::path::PathBuf,
    served: Arc<Directory>,
}

impl Place {
    fn new(name: &str, open: usize, listed_kib: usize) -> Place {
        let path = env::temp_dir().join(format!("glasstack-bounds-{name}-{}", process::id()));
        fs::create_dir_all(path.join("many")).unwrap();
        fs::create_dir_all(path.join("few")).unwrap();
        fs::write(path.join("large"), vec![7; 3 * CHUNK]).unwrap();
        fs::write(path.join("small"), vec![7; CHUNK]).unwrap();
        for n in 0..100 {
            fs::write(path.join(format!("many/{n}")), "").unwrap();
        }
        let served = Arc::new(Directory {
            root: Root::open_dir(&path).unwrap(),
            options: Options::default(),
            means: Means {
                workers: Workers::at_most(1),
                open: Arc::new(Semaphore::new(open)),
                stock: Stock::default(),
            },
            encoders: Arc::new(Semaphore::new(1)),
            listed_kib: Arc::new(Semaphore::new(listed_kib)),
        });
        Place { path, served }
    }

    async fn ask(&self, method: Method, path: &str) -> Response {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        respond(State(Arc::clone(&self.served)), request).await
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[tokio::test]
async fn files_that_stay_open_have_a_bound() {
    let place = Place::new("open", 2, 64);
    let (first, mut second) = (place.get("/large").await, place.get("/large").await);
    assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
    let third = place.get("/large").await;
    assert_eq!(third.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(third.headers()[header::RETRY_AFTER], "1");
    assert_eq!(place.get("/small").await.status(), StatusCode::OK, "it is read at once");
    assert_eq!(place.ask(Method::HEAD, "/large").await.status(), StatusCode::OK);
    // Whether it is not wanted any more or has been read: there is room again.
    drop(first);
    assert_eq!(place.get("/large").await.status(), StatusCode::OK);
    for _ in 0..3 {
        second.body_mut().frame().await.unwrap().unwrap();
    }
    let (third, fourth) = (place.get("/large").await, place.get("/large").await);
    assert_eq!((third.status(), fourth.status()), (StatusCode::OK, StatusCode::OK));
    let octets = to_bytes(third.into_body(), usize::MAX).await.unwrap();
    assert_eq!(octets.len(), 3 * CHUNK);
}

/// The lengths of the pieces that come of a file.
async fn pieces(response: Response) -> Vec<usize> {
    let mut body = response.into_body();
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        pieces.push(frame.unwrap().into_data().unwrap().len());
    }
    pieces
}

#[tokio::test]
async fn with_much_in_memory_less_is_read_at_a_time() {
    let place = Place::new("stock", 1, 0);
    assert_eq!(pieces(place.get("/large").await).await, [CHUNK; 3]);
    let stock = &place.served.means.stock;
    let kept = stock.counted(vec![0; PLENTY]);
    assert_eq!(pieces(place.get("/large").await).await, [CHUNK / 2; 6]);
    assert_eq!(pieces(place.get("/small").await).await, [CHUNK / 2; 2]);
    // Where no more files may be open, a short one is had all the same.
    let large = place.get("/large").await;
    assert_eq!(place.get("/large").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(pieces(place.get("/small").await).await, [CHUNK]);
    drop(kept);
    assert_eq!(pieces(large).await, [CHUNK / 2, CHUNK, CHUNK, CHUNK / 2]);
}

#[tokio::test]
async fn listings_that_wait_have_a_bound_for_all_together() {
    let place = Place::new("listed", 1, 5);
    let mut many = place.get("/many/").await;
    assert_eq!(many.status(), StatusCode::OK);
    assert_eq!(place.get("/many/").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(place.get("/few/").await.status(), StatusCode::OK);
    // What was handed out counts until it is gone.
    let octets = many.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    drop(many);
    assert_eq!(place.get("/many/").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(octets);
    assert_eq!(place.get("/many/").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_head_of_a_listing_costs_no_listing() {
    let place = Place::new("head", 1, 0);
    let (get, head) = (place.get("/many/").await, place.ask(Method::HEAD, "/many/").await);
    assert_eq!((get.status(), head.status()), {
        (StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK)
    });
    assert_eq!(head.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    assert!(!head.headers().contains_key(header::CONTENT_LENGTH), "nobody knows how long it is");
}

/// Who takes nothing but the beginning has had nothing read for him but that.
#[tokio::test]
async fn nothing_is_read_ahead_before_something_was_taken() {
    let place = Place::new("ahead", 1, 0);
    let mut response = place.get("/large").await;
    let body = response.body_mut();
    body.frame().await.unwrap().unwrap();
    // Whoever works has one thing to do at a time: if it is done, so is what was begun before.
    place.get("/small").await;
    fs::File::options().write(true).open(place.path.join("large")).unwrap().set_len(10).unwrap();
    body.frame().await.unwrap().expect_err("it is read now, and has become shorter");
}
