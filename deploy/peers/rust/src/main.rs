//! axum on tokio-postgres, with deadpool's pool and its cache of prepared statements: https://docs.rs/axum/latest/axum/,
//! https://docs.rs/tokio-postgres/latest/tokio_postgres/ and https://docs.rs/deadpool-postgres/latest/deadpool_postgres/
//! A bulk statement is PostgreSQL's unnest, which takes the rows as one array.
use axum::{Json, Router, extract::Query, extract::State, http::StatusCode, routing::get};
use deadpool_postgres::{Config, Pool, PoolConfig, Runtime};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{env, error::Error, time::Instant};
use tokio_postgres::NoTls;

const TEXT: &str = "a row of the insert test";
const ONE: &str = "INSERT INTO simple_text (text) VALUES ($1) RETURNING id";
const MANY: &str = "INSERT INTO simple_text (text) SELECT unnest($1::text[]) RETURNING id";

#[derive(Deserialize)]
struct Wanted {
    rows: Option<usize>,
    bulk: Option<bool>,
}

async fn insert(pool: &Pool, rows: usize, bulk: bool) -> Result<i64, Box<dyn Error>> {
    let mut client = pool.get().await?;
    if bulk {
        let statement = client.prepare_cached(MANY).await?;
        return Ok(client.query(&statement, &[&vec![TEXT; rows]]).await?[0].get(0));
    }
    let statement = client.prepare_cached(ONE).await?;
    if rows == 1 {
        return Ok(client.query_one(&statement, &[&TEXT]).await?.get(0));
    }
    let transaction = client.transaction().await?;
    let first: i64 = transaction.query_one(&statement, &[&TEXT]).await?.get(0);
    for _ in 1..rows {
        transaction.query_one(&statement, &[&TEXT]).await?;
    }
    transaction.commit().await?;
    Ok(first)
}

type Answer = Result<Json<Value>, (StatusCode, String)>;

async fn test_insert(State(pool): State<Pool>, Query(wanted): Query<Wanted>) -> Answer {
    let start = Instant::now();
    let id = insert(&pool, wanted.rows.unwrap_or(1).clamp(1, 1000), wanted.bulk.unwrap_or(false)).await;
    let id = id.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(Json(json!({ "id": id, "duration": start.elapsed().as_secs_f64(), "cpu_duration": null })))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let setting = |name: &str, otherwise: &str| env::var(name).unwrap_or(otherwise.to_string());
    let size = setting("POOL_SIZE", "20").parse()?;
    let (url, limit) = (Some(env::var("DATABASE_URL")?), Some(PoolConfig::new(size)));
    let pool = Config { url, pool: limit, ..Default::default() }.create_pool(Some(Runtime::Tokio1), NoTls)?;
    let ping = get(|| async { Json(json!({ "ping": "pong" })) });
    let app = Router::new().route("/ping/", ping).route("/test-insert", get(test_insert)).with_state(pool);
    let address = format!("{}:{}", setting("HOST", "127.0.0.1"), setting("PORT", "8000"));
    Ok(axum::serve(tokio::net::TcpListener::bind(address).await?, app).await?)
}
