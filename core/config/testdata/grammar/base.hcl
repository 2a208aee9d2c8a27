server {
  public_url = "https://app.example.com"
}

store {
  url = "sqlite:///var/lib/gatehouse/gatehouse.db"
}
