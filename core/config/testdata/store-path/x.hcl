server {
  public_url = "https://app.example.com"
}
store {
  url = "sqlite://gatehouse.db"
}
