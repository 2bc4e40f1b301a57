void loop_run(void);
void loop_post(int id);
