server {
  public_url = "https://app.example.com"
}

store {
  url = "sqlite:///var/lib/gatehouse/gatehouse.db"
}

upstream "app" {
  url = "http://127.0.0.1:9000"
}
