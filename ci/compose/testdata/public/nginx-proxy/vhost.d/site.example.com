client_max_body_size 20m;
